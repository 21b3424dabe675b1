"""Git as a library: every git process of the program is started from here. Knows no service."""
