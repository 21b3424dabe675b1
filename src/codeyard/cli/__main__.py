"""`python -m codeyard.cli`: the same as `codeyard`."""

from codeyard.cli import main

main()
