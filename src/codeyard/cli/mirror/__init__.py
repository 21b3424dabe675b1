"""Copying a repository whole from one git server to another, for `codeyard migrate`."""
