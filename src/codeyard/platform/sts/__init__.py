"""STS: who am I, and temporary credentials."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.sts.access import access_table
from codeyard.platform.sts.api import Sts
from codeyard.platform.sts.errors import error_for
from codeyard.platform.sts.model import Door

__all__ = ["part"]


def part(kit: Kit, door: Door) -> Part:
    """STS as main.py wires it, over IAM's door."""
    return Part("sts", Sts(kit, door), access_table(door), error_for)
