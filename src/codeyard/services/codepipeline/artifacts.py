"""Where artifacts lie: zips in the pipeline's bucket, under keys as AWS makes them. A key is stored, never parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.contract import Ids

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact of one execution."""

    name: str
    bucket: str
    key: str

    def shape(self) -> dict[str, Any]:
        """As ListActionExecutions and the events show it."""
        return {"name": self.name, "s3location": {"bucket": self.bucket, "key": self.key}}

    def stored(self) -> list[str]:
        """As a row keeps it."""
        return [self.name, self.bucket, self.key]


def place(ids: Ids, pipeline: str, name: str, bucket: str) -> Artifact:
    """A fresh place for an output artifact: `pipeline/artifact/random`, names cut as AWS cuts them."""
    return Artifact(name, bucket, f"{pipeline[:20]}/{name[:10]}/{ids.token(7, _ALPHABET)}")


def read(stored: Iterable[Any]) -> tuple[Artifact, ...]:
    """The artifacts of a row."""
    return tuple(Artifact(name, bucket, key) for name, bucket, key in stored)


def pick(names: Iterable[str], made: Mapping[str, Artifact]) -> tuple[Artifact, ...]:
    """The artifacts of those names, as far as they were made."""
    return tuple(made[name] for name in names if name in made)
