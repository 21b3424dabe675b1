"""A gateway over one small service, with a store, a door and a recorder that remember what was asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Check, Context, Part, Principal, Violation, on
from codeyard.engine import ManualClock, SeededIds
from codeyard.gateway import Gateway, Invocation, Registry
from codeyard.wire.models import Models

ANN = Principal("user", "123456789012", "arn:aws:iam::123456789012:user/ann", name="ann")
ACCESS = {
    "GetRepository": on("codecommit:GetRepository", "{}", "repositoryName"),
    "CreateRepository": on("codecommit:CreateRepository", "{}", "repositoryName"),
    "DeleteRepository": lambda scope, params: (),
}


class Tx:
    """A transaction that remembers."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.records: list[Any] = []

    def audit(self, record: Any, time_us: int | None = None) -> None:
        self.records.append(record)


class Store:
    """Commits what a write leaves, or nothing of it."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.records: list[Any] = []
        self.writes: list[tuple[list[str], list[Any]]] = []
        self.away = False

    def write(self, fn: Callable[[Any], Any]) -> Any:
        if self.away:
            raise AwsError("ThrottlingException", "too many writes are waiting", status=400)
        tx = Tx()
        result = fn(tx)
        self.rows += tx.rows
        self.records += tx.records
        self.writes.append((tx.rows, tx.records))
        return result


@dataclass
class Verdict:
    allowed: bool
    message: str = ""
    encoded: str = ""


class Door:
    """Lets in whom it likes; remembers checks and keys."""

    def __init__(self) -> None:
        self.allows, self.checks, self.keys = True, [], {}

    def authorize(self, principal: Principal, checks: tuple[Check, ...], keys: Mapping[str, Any]) -> Verdict:
        self.checks, self.keys = list(checks), dict(keys)
        return Verdict(self.allows, "User: ann is not authorized")


class Validator:
    """Finds what it is told to find."""

    def __init__(self) -> None:
        self.found: Violation | None = None
        self.asked = 0

    def violation(self, service: str, operation: str, params: Mapping[str, Any]) -> Violation | None:
        self.asked += 1
        return self.found


class Repositories:
    """A service whose every fault can be arranged."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.twice = False

    def get_repository(self, ctx: Context, req: Mapping[str, Any]) -> dict[str, Any]:
        self._fail()
        return {"repositoryMetadata": {"repositoryName": req["repositoryName"]}}

    def create_repository(self, ctx: Context, req: Mapping[str, Any]) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            tx.rows.append(req["repositoryName"])
            self._fail()
            return {"repositoryMetadata": {"repositoryName": req["repositoryName"]}}

        if self.twice:
            ctx.write(write)
        return ctx.write(write)

    def delete_repository(self, ctx: Context, req: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def _fail(self) -> None:
        if self.raises is not None:
            raise self.raises


def error_for(operation: str, violation: Violation) -> AwsError:
    """The service's word for a broken constraint."""
    return AwsError("InvalidRepositoryNameException", violation.message)


class House:
    """The gateway and everything around it."""

    def __init__(self) -> None:
        self.store, self.door, self.validator, self.api = Store(), Door(), Validator(), Repositories()
        self.clock = ManualClock()
        models = Models(["codecommit", "codebuild"])
        part = Part("codecommit", self.api, ACCESS, error_for)
        self.gateway = Gateway(
            registry=Registry([part], models),
            identity=self.door,  # type: ignore[arg-type]
            recorder=lambda **facts: facts,
            validator=self.validator,
            db=self.store,
            clock=self.clock,
            ids=SeededIds(1),
        )

    def invocation(self, operation: str, principal: Principal = ANN, **more: Any) -> Invocation:
        """A call of the service's."""
        params = more.pop("params", {"repositoryName": "app"})
        return Invocation("codecommit", operation, params, principal, principal.account, "us-east-1", "req-1", **more)

    def call(self, operation: str, principal: Principal = ANN, **more: Any) -> dict[str, Any]:
        """Call it."""
        return self.gateway.invoke(self.invocation(operation, principal, **more))

    def trail(self) -> list[tuple[str, str]]:
        """(operation, error code) of every record so far."""
        self.gateway.auditor.flush()
        return [(r["operation"], r["error"].code if r["error"] else "") for r in self.store.records]

    def close(self) -> None:
        """End the trail's thread."""
        self.store.away = False
        self.gateway.auditor.stop()
