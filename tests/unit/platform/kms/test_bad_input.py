"""Random requests about keys that are there: an answer or an error of the model, never a fault."""

from __future__ import annotations

import random
import zlib
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.platform.kms.specs import SPECS
from tests.support.shapes import anything
from tests.unit.platform.kms.conftest import Keys

_KEYS = ("KeyId", "SourceKeyId", "DestinationKeyId", "TargetKeyId")


@pytest.fixture(scope="module")
def places(keys: Keys) -> list[str]:
    """A key of every kind, in several states, and a ciphertext."""
    made = [keys.make(spec.name, spec.usages[-1]) for spec in SPECS.values() if spec.size < 3000]
    made += [keys.make(), keys.make(Origin="EXTERNAL"), keys.make()]
    keys.call("ScheduleKeyDeletion", KeyId=made[-1])
    return made


def test_no_request_about_a_key_that_is_there_ends_in_a_fault(keys: Keys, places: list[str]) -> None:
    registry = keys.rooms.gateway.registry
    blob = keys.call("Encrypt", KeyId=keys.make(), Plaintext=b"x")["CiphertextBlob"]
    faults = []
    for name in registry.built("kms"):
        shapes = registry.find("kms", name).shapes
        assert shapes is not None
        if shapes[0] is None:
            continue
        rng = random.Random(zlib.crc32(name.encode()))
        for _ in range(15):
            params: dict[str, Any] = anything(rng, shapes[0])
            params |= {member: rng.choice(places) for member in _KEYS if member in params}
            if "CiphertextBlob" in params and rng.random() < 0.5:
                params["CiphertextBlob"] = blob
            try:
                keys.call(name, **params)
            except AwsError as error:
                if error.code == "InternalFailure":
                    faults.append(f"{name}({params!r:.200})")
    assert faults == []
