"""Pull requests: their tables, their rules, what happens to them, and what is said on them."""
