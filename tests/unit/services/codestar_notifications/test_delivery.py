"""What an event costs where nobody has a rule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from codeyard.engine import EventRow
from codeyard.services.codestar_notifications.delivery import Notifier


class Counted:
    """A transaction that counts its questions and knows no rule; anything but a question is a fault."""

    def __init__(self) -> None:
        self.asked = 0

    def sql(self, text: str, params: tuple[Any, ...]) -> Any:
        self.asked += 1
        return SimpleNamespace(fetchone=lambda: None)


@pytest.mark.parametrize(
    ("source", "bus", "questions"),
    [
        ("aws.codecommit", "default", 1),
        ("aws.codecommit", "other", 0),
        ("aws.s3", "default", 0),
        ("mine", "default", 0),
    ],
)
def test_an_event_costs_one_look_where_there_is_no_rule_and_none_where_there_can_be_none(
    source: str, bus: str, questions: int
) -> None:
    tx, kit = Counted(), SimpleNamespace()
    event = EventRow("1", source, "x", {}, "123456789012", "us-east-1", 0, (), bus)
    Notifier(kit).fan_out(tx, event)  # type: ignore[arg-type]
    assert tx.asked == questions
