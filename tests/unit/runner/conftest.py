"""Fixtures of the runner's tests."""

from tests.support.yard import module_yard, running_yard, yard

__all__ = ["module_yard", "running_yard", "yard"]
