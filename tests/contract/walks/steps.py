"""A walk: every operation of a service, once at least, in an order in which each has what it needs.

The same walk is made by boto3 and by the `aws` command.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.support.yard import TestYard

# Operations that boto3 knows and the command line, whose models are older, does not.
NEWER = ("Encapsulate", "Decapsulate")
Call = Callable[[str, str, Mapping[str, Any], str], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One call. `keep` names what later steps use, by its place in the answer; `by` is whose keys sign it."""

    service: str
    operation: str
    params: Mapping[str, Any]
    keep: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    shows: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""  # what it is refused with, where there is no answer to be had


def walker(service: str) -> Callable[..., Step]:
    """Makes the steps of one service: `step("Operation", Member=…)`."""

    def step(
        operation: str, *, keep: Any = None, by: str = "", shows: Any = None, error: str = "", **params: Any
    ) -> Step:
        return Step(service, operation, params, keep or {}, by, shows or {}, error)

    return step


def walk(steps: Sequence[Step], call: Call, world: dict[str, Any]) -> None:
    """Take every step; AssertionError where an answer does not show what the step says."""
    for step in steps:
        if step.error:
            with pytest.raises((ClientError, AssertionError), match=rf"\({step.error}\)"):
                call(step.service, step.operation, filled(step.params, world), step.by)
            continue
        answer = call(step.service, step.operation, filled(step.params, world), step.by)
        for name, place in step.keep.items():
            world[name] = at(answer, place)
        for place, wanted in step.shows.items():
            found = at(answer, place)
            assert found == filled(wanted, world), f"{step.operation}: {place} is {found!r}"


def filled(value: Any, world: Mapping[str, Any]) -> Any:
    """The value with every $name in it, and every function of the world, in its place."""
    if callable(value):
        return value(world)
    if isinstance(value, str):
        if value[1:] in world and value[:1] == "$":
            return world[value[1:]]
        return re.sub(r"\$\{(\w+)\}", lambda found: str(world[found[1]]), value)
    if isinstance(value, Mapping):
        return {name: filled(one, world) for name, one in value.items()}
    return [filled(one, world) for one in value] if isinstance(value, list) else value


def at(answer: Any, place: str) -> Any:
    """What stands at `A.B.0.C`; the number of what is there at `A.#`."""
    for part in place.split("."):
        answer = len(answer) if part == "#" else answer[int(part)] if part.isdigit() else answer[part]
    return answer


def keys_of(world: Mapping[str, Any], who: str) -> dict[str, str] | None:
    """The keys of somebody, from what earlier steps kept; None for the administrator's."""
    if not who:
        return None
    keys = {"access_key_id": world[f"{who}_key"], "secret_access_key": world[f"{who}_secret"]}
    return {**keys, "session_token": world[f"{who}_token"]} if f"{who}_token" in world else keys


def by_boto3(yard: TestYard, world: Mapping[str, Any]) -> Call:
    """Calls as boto3 makes them."""
    clients: dict[tuple[str, str], Any] = {}

    def call(service: str, operation: str, params: Mapping[str, Any], by: str) -> dict[str, Any]:
        if (service, by) not in clients:
            clients[service, by] = yard.client(service, keys=keys_of(world, by))
        answer: dict[str, Any] = getattr(clients[service, by], xform_name(operation))(**params)
        return answer

    return call


def by_aws(yard: TestYard, world: Mapping[str, Any], program: Path, folder: Path) -> Call:
    """Calls as the command line makes them: bytes from files, everything else as one JSON."""

    def call(service: str, operation: str, params: Mapping[str, Any], by: str) -> dict[str, Any]:
        plain = {name: value for name, value in params.items() if not isinstance(value, bytes)}
        command = [str(program), service, xform_name(operation, "-"), "--output", "json"]
        command += ["--cli-input-json", json.dumps(plain)]
        for number, (name, value) in enumerate((n, v) for n, v in params.items() if isinstance(v, bytes)):
            file = folder / f"{operation}-{number}"
            file.write_bytes(value)
            command += [f"--{xform_name(name, '-')}", f"fileb://{file}"]
        env = yard.environment(keys_of(world, by))
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        if "argument operation: Invalid choice" in done.stderr and operation in NEWER:
            return {}
        assert done.returncode == 0, f"{operation}: {done.stderr}"
        return dict(json.loads(done.stdout or "{}"))

    return call
