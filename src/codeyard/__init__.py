"""Codeyard: AWS's developer tools as one self-hosted program. Start reading at main.py."""

__version__ = "0.1.0"
