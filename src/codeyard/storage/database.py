"""The Database port, and the one function that opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from codeyard.contract import AwsError, Clock, Ids
from codeyard.storage.suspended import Calls
from codeyard.storage.trail import Followers
from codeyard.storage.tx import Tx

T = TypeVar("T")


class Database(Protocol):
    """State: reads in a snapshot, writes that are durable and serializable when they return."""

    followers: Followers

    @property
    def calls(self) -> Calls | None:
        """What lets calls on the event loop's thread write without making it wait, where there is such a thing."""

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` on one snapshot of the committed state."""

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn(tx)` and make it durable; `fn` is database only and may be run again.

        An exception out of `fn` undoes it and is raised here.
        """

    def notify(self, channel: str, message: str = "") -> None:
        """Tell the channel's subscribers in every process."""

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call `callback(message)` at every notification; returns what ends that."""

    def try_lock(self, name: str) -> Callable[[], None] | None:
        """Hold `name` against every other process; the release function, or None when it is held elsewhere."""

    def create(self) -> None:
        """Bring the tables to this program's version; one process at a time."""

    def create_all(self) -> None:
        """Make every table that the imported modules name, without migrations (tests)."""

    def close(self) -> None:
        """Let go of every connection."""


def throttled(what: str) -> AwsError:
    """The answer when a bounded wait ran out."""
    return AwsError("ThrottlingException", f"Rate exceeded: {what}; try again.", status=400)


def unstorable() -> AwsError:
    """The answer to text that no database row can hold: lone surrogates, and NUL on PostgreSQL."""
    return AwsError("ValidationException", "A parameter holds characters that cannot be stored.", status=400)


def open_database(url_or_path: str | Path, clock: Clock, ids: Ids) -> Database:
    """The database at a postgresql:// URL, a sqlite:/// URL or a file's path."""
    where = str(url_or_path)
    if where.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        from codeyard.storage.postgres import PostgresDatabase

        return PostgresDatabase(where, clock, ids)
    from codeyard.storage.sqlite import SqliteDatabase

    return SqliteDatabase(Path(where.removeprefix("sqlite:///")), clock, ids)
