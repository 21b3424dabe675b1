"""The domain key and what is sealed under it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeyard.engine import SystemIds
from codeyard.storage import Keyring, RootKeyError

IDS = SystemIds()


def test_the_root_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    sealed = Keyring(tmp_path, IDS, {}).open().sealer().seal(b"secret", "user/ann")
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
    assert Keyring(tmp_path, IDS, {}).open().sealer().open(sealed, "user/ann") == b"secret"


def test_a_root_key_of_the_environment_needs_no_file(tmp_path: Path) -> None:
    environment = {"CODEYARD_ROOT_KEY": "ab" * 32}
    sealed = Keyring(tmp_path, IDS, dict(environment)).open().wrap(b"k" * 32, "blob:1")
    assert Keyring(tmp_path, IDS, dict(environment)).open().unwrap(sealed, "blob:1") == b"k" * 32
    assert not (tmp_path / "root.key").exists()


@pytest.mark.parametrize("text", ["short", "zz" * 32, "ab" * 31])
def test_a_root_key_that_is_none_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(RootKeyError, match="32 bytes") as caught:
        Keyring(tmp_path, IDS, {"CODEYARD_ROOT_KEY": text}).open()
    assert text not in str(caught.value)


def test_a_sealed_value_opens_only_in_its_own_context_and_unchanged(tmp_path: Path) -> None:
    sealer = Keyring(tmp_path, IDS, {}).open().sealer()
    sealed = sealer.seal(b"secret", "user/ann")
    assert b"secret" not in sealed
    for bad, context in (
        (sealed, "user/bob"),
        (sealed[:-1] + b"\0", "user/ann"),
        (b"", "user/ann"),
        (b"junk", "user/ann"),
    ):
        with pytest.raises(ValueError):
            sealer.open(bad, context)


def test_wrapped_keys_and_secrets_are_under_different_keys(tmp_path: Path) -> None:
    master = Keyring(tmp_path, IDS, {}).open()
    with pytest.raises(ValueError):
        master.sealer().open(master.wrap(b"k", "c"), "c")
    assert master.derive("cookies") != master.derive("tokens")
