"""Parameter Store's operations."""

from __future__ import annotations

from codeyard.platform.ssm.api.marks import Marks
from codeyard.platform.ssm.api.reads import Reads
from codeyard.platform.ssm.api.writes import Writes

__all__ = ["ParameterStore"]


class ParameterStore(Writes, Reads, Marks):
    """One method an operation."""
