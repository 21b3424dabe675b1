"""Pure parsers that several rooms need."""
