"""Fixtures of CodeBuild's tests."""

from tests.support.yard import module_yard, yard

__all__ = ["module_yard", "yard"]
