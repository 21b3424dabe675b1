"""KMS behind the real gateway and store, and the few calls that every test makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform import kms
from tests.support.rooms import Rooms


class Keys:
    """KMS as a test calls it."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.rooms.call("kms", operation, params)

    def error(self, operation: str, **params: Any) -> AwsError:
        """The error that a call ends with."""
        with pytest.raises(AwsError) as caught:
            self.call(operation, **params)
        return caught.value

    def make(self, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT", **facts: Any) -> str:
        """A new key's ARN."""
        made = self.call("CreateKey", KeySpec=spec, KeyUsage=usage, **facts)
        return str(made["KeyMetadata"]["Arn"])

    def later(self, days: float) -> None:
        """Let days pass, and the engine do what fell due."""
        self.rooms.clock.advance(days * 86_400)
        self.rooms.engine.settle()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    made = Rooms(tmp_path_factory.mktemp("kms"), kms.part)
    yield Keys(made)
    made.close()
