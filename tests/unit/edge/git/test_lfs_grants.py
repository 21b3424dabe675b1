"""Grants say who asked for what, whole, and end with their time or with the session of who asked."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from codeyard.contract import Principal
from codeyard.edge.git.lfs_grants import LIFETIME_S, Grant, Grants
from codeyard.engine import ManualClock, SeededIds
from codeyard.storage import Keyring

START = 1_700_000_000_000_000
SESSION = Principal(
    "role",
    "123456789012",
    "arn:aws:sts::123456789012:assumed-role/Builder/one",
    "AROA1:one",
    "Builder/one",
    "ASIA1",
    "arn:aws:iam::123456789012:role/Builder",
    "one",
    ('{"Statement": []}',),
    (("team", "a"), ("stage", "é")),
    issued_at=START,
    expires_at=START + 60_000_000,
    mfa_at=START,
    source_identity="ann",
)
GRANT = Grant("get", SESSION, "us-east-1", "demo", "id", "a" * 64, 5, "refs/heads/main")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def grants(tmp_path: Path, clock: ManualClock) -> Grants:
    return Grants(Keyring(tmp_path, SeededIds(1)).open().sealer(), clock)


def test_a_grant_comes_back_as_it_was_and_shows_nothing(grants: Grants) -> None:
    token = grants.seal(GRANT)
    opened = grants.open(token)
    assert opened is not None
    assert replace(opened, expires=0) == GRANT
    assert "Builder" not in token


def test_a_grant_ends_with_the_session_of_who_asked(grants: Grants, clock: ManualClock) -> None:
    token, other = grants.seal(GRANT), grants.seal(replace(GRANT, principal=replace(SESSION, expires_at=None)))
    clock.advance(59)
    assert grants.open(token) is not None
    clock.advance(1)
    assert grants.open(token) is None
    clock.advance(LIFETIME_S - 61)
    assert grants.open(other) is not None
    clock.advance(1)
    assert grants.open(other) is None


@pytest.mark.parametrize("text", ["", "=", "a", "ab", "é", "A" * 200, "%41" * 60, "!" * 80])
def test_what_is_no_grant_opens_nothing(grants: Grants, text: str) -> None:
    assert grants.open(text) is None


def test_what_another_kind_of_secret_sealed_opens_nothing(tmp_path: Path, clock: ManualClock) -> None:

    sealer = Keyring(tmp_path, SeededIds(1)).open().sealer()
    text = base64.urlsafe_b64encode(sealer.seal(b"{}", "another")).decode().rstrip("=")
    assert Grants(sealer, clock).open(text) is None
