"""What a service package hands to main.py: everything that the rest of the program needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract.access import Access
from codeyard.contract.errors import AwsError


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken constraint of the model: `path` of member names (list indexes left out), `kind` one of
    required, type, min, max, pattern, enum, and the value's shape name."""

    path: tuple[str, ...]
    kind: str
    shape: str
    message: str


Reconcile = Callable[[str], None]
Effect = Callable[[str, dict[str, Any]], None]
ErrorRule = Callable[[str, Violation], AwsError]


@dataclass(frozen=True, slots=True)
class Part:
    """One service: its botocore id, its api object (a method an operation, boto3's names), its access table
    (by operation name), the rule that names the exception for a violated constraint, and its engine rooms.

    `doors` are calls without a model (GitPull, GitPush): api methods that the gateway may invoke by that name.
    `reconcilers` are called with a dirty key; `effects` with (token, payload), at least once; `jobs` says what to do
    with a job whose lease ran out: called with (queue, job id). `on_stop` lets go of calls that wait (long polls);
    `on_close` of what the part keeps open, when there are no more calls.
    """

    service: str
    api: object
    access: Mapping[str, Access]
    errors: ErrorRule
    doors: frozenset[str] = frozenset()
    reconcilers: Mapping[str, Reconcile] = field(default_factory=dict)
    effects: Mapping[str, Effect] = field(default_factory=dict)
    lapsed_jobs: Mapping[str, Callable[[str], None]] = field(default_factory=dict)
    on_start: Callable[[], None] | None = None
    on_stop: Callable[[], None] | None = None
    on_close: Callable[[], None] | None = None
