"""Rules of one bus, ready to be asked: compiled patterns behind an index by (source, detail-type)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.formats import event_pattern
from codeyard.formats.event_pattern import PatternError, Test
from codeyard.platform.eventbridge.model import Rule, Target


def compile_pattern(text: str) -> Test:
    """The test of a pattern; InvalidEventPatternException says what is wrong with it."""
    try:
        return event_pattern.compile_text(text)
    except PatternError as problem:
        message = f"Event pattern is not valid. Reason: {problem}"
        raise AwsError("InvalidEventPatternException", message) from None


class RuleIndex:
    """The enabled pattern rules of a bus with their targets: thousands of them cost only the candidates."""

    def __init__(self, version: int, rules: Iterable[tuple[Rule, tuple[Target, ...]]]) -> None:
        self.version = version
        self._places: dict[tuple[str | None, str | None], list[tuple[Test, Rule, tuple[Target, ...]]]] = {}
        for rule, targets in rules:
            self._add(rule, targets)

    def _add(self, rule: Rule, targets: tuple[Target, ...]) -> None:
        pattern = event_pattern.parse(rule.pattern)
        entry = (event_pattern.compile_pattern(pattern), rule, targets)
        for source in exact_strings(pattern.get("source")):
            for detail_type in exact_strings(pattern.get("detail-type")):
                self._places.setdefault((source, detail_type), []).append(entry)

    def matching(self, event: Mapping[str, Any]) -> list[tuple[Rule, tuple[Target, ...]]]:
        """The rules that the event (its whole envelope) matches."""
        source, detail_type = event["source"], event["detail-type"]
        found = []
        for place in ((source, detail_type), (source, None), (None, detail_type), (None, None)):
            for test, rule, targets in self._places.get(place, ()):
                if test(event):
                    found.append((rule, targets))
        return found


def exact_strings(alternatives: Any) -> tuple[str | None, ...]:
    """The strings that a field must be one of; (None,) when it may be something else too."""
    if isinstance(alternatives, list) and alternatives and all(type(one) is str for one in alternatives):
        return tuple(dict.fromkeys(alternatives))
    return (None,)
