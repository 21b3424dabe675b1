"""A page costs a page: the database finds it by an index, in order, without sorting what is not shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.platform.cloudtrail.lookups import Question
from codeyard.platform.cloudtrail.store import lookups
from codeyard.platform.cloudwatch_logs import store as logs
from codeyard.platform.cloudwatch_logs.model import Listing
from codeyard.platform.iam.store import entities
from codeyard.platform.iam.store.tables import roles
from codeyard.storage import schema


class Plans:
    """A transaction that answers nothing, and keeps how each query would be answered."""

    def __init__(self) -> None:
        engine = sa.create_engine("sqlite://")
        self._connection = engine.connect()
        schema.create_all(self._connection)
        self.found: list[str] = []

    def all(self, query: Any) -> list[Any]:
        text = str(query.compile(self._connection.engine, compile_kwargs={"literal_binds": True}))
        rows = self._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")
        self.found.append(" / ".join(row.detail for row in rows))
        return []

    def close(self) -> None:
        self._connection.close()


def _asked(attribute: str, value: str) -> Question:
    return Question("1", "r", attribute, value, 1, 99, 50, (50, "e"))


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda tx: lookups.look_up(tx, _asked("ReadOnly", "false")), "ix_audit_writes"),
        (lambda tx: lookups.look_up(tx, _asked("ReadOnly", "true")), "ix_audit_time"),
        (lambda tx: logs.streams_page(tx, "g", Listing("", True, True, (7, "s")), 51), "ix_logs_streams_last"),
        (lambda tx: logs.streams_page(tx, "g", Listing("", True, False, None), 51), "ix_logs_streams_last"),
        (lambda tx: logs.streams_page(tx, "g", Listing("p", False, True, (0, "s")), 51), "logs_streams"),
        (lambda tx: list(logs.groups_from(tx, "1", "r", "a", "p", [])), "logs_groups"),
        (lambda tx: entities.page(tx, roles, "1", "", "a", 50), "iam_roles"),
    ],
)
def test_a_page_is_found_by_an_index_in_its_order(ask: Callable[[Any], Any], index: str) -> None:
    plans = Plans()
    ask(plans)
    plans.close()
    assert len(plans.found) == 1
    assert index in plans.found[0]
    assert "INDEX" in plans.found[0]
    assert "SCAN" not in plans.found[0]
    assert "TEMP B-TREE" not in plans.found[0]
