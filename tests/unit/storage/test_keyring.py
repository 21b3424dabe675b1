"""The keyring: fresh and older folders, every source of a root key, rotation, and death in the middle of one."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from codeyard.engine import SystemIds
from codeyard.storage import Keyring, RootKeyError
from codeyard.storage.keys import DomainKey

IDS = SystemIds()
ONE, TWO = "11" * 32, "22" * 32


def sealed_by(folder: Path, source: str = "", **environment: str) -> bytes:
    """Something that was sealed at one start, to be opened at another."""
    return Keyring(folder, IDS, environment).open(source).sealer().seal(b"secret", "c")


def opens(folder: Path, sealed: bytes, source: str = "", **environment: str) -> bool:
    try:
        return Keyring(folder, IDS, environment).open(source).sealer().open(sealed, "c") == b"secret"
    except RootKeyError:
        return False


def key_file(path: Path, key: str = ONE, mode: int = 0o600) -> str:
    path.write_text(key + "\n")
    path.chmod(mode)
    return f"file:{path}"


def older(folder: Path, key: str = ONE) -> bytes:
    """A folder as programs before keyrings left it: a root key, blobs, and things sealed right under that key."""
    (folder / "blobs").mkdir(parents=True)
    key_file(folder / "root.key", key)
    return DomainKey(bytes.fromhex(key), IDS).sealer().seal(b"secret", "c")


def test_a_fresh_folder_gets_a_random_key_that_its_root_key_wraps(tmp_path: Path) -> None:
    sealed = sealed_by(tmp_path)
    assert (tmp_path / "keyring").stat().st_mode & 0o777 == 0o600
    assert opens(tmp_path, sealed)
    root = bytes.fromhex((tmp_path / "root.key").read_text())
    with pytest.raises(ValueError):  # what is sealed is not under the root key itself
        DomainKey(root, IDS).sealer().open(sealed, "c")
    key_file(tmp_path / "root.key", TWO)
    with pytest.raises(RootKeyError, match=r"does not open .*keyring.*root\.key"):
        Keyring(tmp_path, IDS, {}).open()


def test_every_source_opens_what_it_sealed_and_another_key_does_not(tmp_path: Path) -> None:
    outside = tmp_path / "etc"
    outside.mkdir()
    key_file(outside / "codeyard-root")
    credentials = str(outside)
    for number, (source, environment, wrong) in enumerate(
        [
            (f"file:{outside}/codeyard-root", {}, {}),
            ("env:MINE", {"MINE": ONE}, {"MINE": TWO}),
            ("credential:codeyard-root", {"CREDENTIALS_DIRECTORY": credentials}, {"CREDENTIALS_DIRECTORY": "/none"}),
            ("", {"CODEYARD_ROOT_KEY": ONE}, {"CODEYARD_ROOT_KEY": TWO}),
        ]
    ):
        folder = tmp_path / str(number)
        sealed = sealed_by(folder, source, **environment)
        assert not (folder / "root.key").exists()
        assert opens(folder, sealed, source, **environment)
        assert opens(folder, sealed, "env:SAME", SAME=ONE)
        assert opens(folder, sealed, source, **wrong) is (wrong == {})
        assert not opens(folder, sealed, "env:OTHER", OTHER=TWO)


def test_the_variable_is_taken_out_of_the_environment_that_children_inherit(tmp_path: Path) -> None:
    environment = {"MINE": ONE, "PATH": "/bin"}
    Keyring(tmp_path, IDS, environment).open("env:MINE")
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    source = key_file(tmp_path / "key", mode=mode)
    with pytest.raises(RootKeyError, match=f"open to others .*{mode:04o}.*chmod 600"):
        Keyring(tmp_path / "data", IDS, {}).open(source)
    (tmp_path / "key").chmod(0o440)  # as Kubernetes mounts a secret
    assert sealed_by(tmp_path / "data", source)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("file:/no/such/file", "there is no file /no/such/file.*openssl rand"),
        ("file:/dev", "cannot be read"),
        ("env:UNSET", "UNSET is not set"),
        ("credential:root", "LoadCredential"),
        (ONE, "named by where it is"),
        (f"hex:{ONE}", "named by where it is"),
        ("env:", "named by where it is"),
    ],
)
def test_a_source_that_gives_no_key_says_what_to_do_and_shows_none(tmp_path: Path, source: str, told: str) -> None:
    with pytest.raises(RootKeyError, match=told) as caught:
        Keyring(tmp_path, IDS, {}).open(source)
    assert ONE not in str(caught.value)
    assert not (tmp_path / "keyring").exists()


def test_a_credential_cannot_be_named_out_of_its_folder(tmp_path: Path) -> None:
    key_file(tmp_path / "key")
    with pytest.raises(RootKeyError, match="no slash"):
        Keyring(tmp_path, IDS, {"CREDENTIALS_DIRECTORY": str(tmp_path / "below")}).open("credential:../key")


def test_a_root_key_that_is_lost_is_not_made_anew(tmp_path: Path) -> None:
    sealed_by(tmp_path)
    (tmp_path / "root.key").unlink()
    for _ in range(2):
        with pytest.raises(RootKeyError, match="there is no file"):
            Keyring(tmp_path, IDS, {}).open()
    with pytest.raises(RootKeyError, match=f"was sealed by the key of file:{tmp_path}/root.key"):
        Keyring(tmp_path, IDS, {}).open("env:NOT")


def test_a_damaged_keyring_is_told(tmp_path: Path) -> None:
    sealed_by(tmp_path)
    good = (tmp_path / "keyring").read_text()
    for bad in ("", "{", "[]", '{"wrapped": 1}', good.replace('"root"', '"name"')):
        (tmp_path / "keyring").write_text(bad)
        with pytest.raises(RootKeyError, match="damaged: restore it"):
            Keyring(tmp_path, IDS, {}).open()
    (tmp_path / "keyring").unlink()
    (tmp_path / "keyring").mkdir()
    with pytest.raises(RootKeyError, match="keyring cannot be read: Is a directory"):
        Keyring(tmp_path, IDS, {}).open()


def test_an_older_folder_goes_on_under_its_root_key_and_rotates_with_a_warning(tmp_path: Path) -> None:
    sealed = older(tmp_path)
    ring = Keyring(tmp_path, IDS, {})
    assert ring.open().sealer().open(sealed, "c") == b"secret"
    assert not (tmp_path / "keyring").exists()  # not before its data was seen to open
    with pytest.raises(RootKeyError, match="start the server"):
        ring.rotate("", "")
    ring.keep()
    assert opens(tmp_path, sealed)
    assert ring.rotate("", "").adopted
    assert (tmp_path / "root.key").read_text().strip() != ONE
    assert opens(tmp_path, sealed)
    assert ring.rotate("", "").adopted  # it stays true


def test_an_older_folder_without_its_key_does_not_get_another(tmp_path: Path) -> None:
    older(tmp_path)
    (tmp_path / "root.key").unlink()
    with pytest.raises(RootKeyError, match="there is no file"):
        Keyring(tmp_path, IDS, {}).open()
    assert not (tmp_path / "root.key").exists()


def test_rotation_moves_the_key_out_of_the_folder_and_keeps_nothing_of_the_old(tmp_path: Path) -> None:
    folder, outside = tmp_path / "data", tmp_path / "etc" / "root"
    outside.parent.mkdir()
    sealed = sealed_by(folder)
    old = (folder / "root.key").read_text().strip()
    done = Keyring(folder, IDS, {}).rotate("", f"file:{outside}")
    assert (done.old, done.new) == (f"file:{folder}/root.key", f"file:{outside}")
    assert (done.removed, done.adopted) == (True, False)
    assert outside.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["keyring"]
    assert opens(folder, sealed, f"file:{outside}")
    assert not opens(folder, sealed, "env:OLD", OLD=old)


def test_rotation_in_place_gives_the_file_a_new_key(tmp_path: Path) -> None:
    folder, source = tmp_path / "data", key_file(tmp_path / "root")
    sealed = sealed_by(folder, source)
    assert not Keyring(folder, IDS, {}).rotate(source, "").removed
    assert (tmp_path / "root").read_text().strip() != ONE
    assert opens(folder, sealed, source)
    assert not opens(folder, sealed, "env:OLD", OLD=ONE)
    assert len(json.loads((folder / "keyring").read_text())["wrapped"]) == 1


def test_rotation_refuses_what_changes_nothing_or_cannot_be_done(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    sealed = sealed_by(folder, "env:MINE", MINE=ONE)
    kept = (folder / "keyring").read_bytes()
    for to, told in (
        ("", "only you can change the key of env:MINE"),
        ("env:MINE", "already"),
        ("env:COPY", "already"),
        ("env:UNSET", "not set"),
        (f"file:{tmp_path}/no/such/folder/key", "cannot be written"),
    ):
        with pytest.raises(RootKeyError, match=told):
            Keyring(folder, IDS, {"MINE": ONE, "COPY": ONE}).rotate("env:MINE", to)
    with pytest.raises(RootKeyError, match="does not open"):
        Keyring(folder, IDS, {"WRONG": TWO}).rotate("env:WRONG", f"file:{tmp_path}/new")
    assert (folder / "keyring").read_bytes() == kept
    assert opens(folder, sealed, "env:MINE", MINE=ONE)


STEPS = ("open", "write", "fsync", "replace", "unlink", "fchown")


def dies_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that ends, at once, before its step-th call that touches the disk; whether it did."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = step
    for name in STEPS:
        real = getattr(os, name)

        def counted(*given: object, real: Callable[..., object] = real, **more: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(9)
            return real(*given, **more)

        setattr(os, name, counted)
    work()
    os._exit(0)


@pytest.mark.parametrize("to", ["", "file:{0}/new"])
def test_a_rotation_that_dies_anywhere_leaves_a_key_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # a dead process loses nothing that it wrote
    died = 0
    while True:
        folder, target = tmp_path / str(died), to.format(tmp_path / str(died))
        sealed = sealed_by(folder)
        old = (folder / "root.key").read_text().strip()
        if not dies_at(died + 1, lambda f=folder, t=target: Keyring(f, IDS, {}).rotate("", t)):  # type: ignore[misc]
            break
        died += 1
        opened = [source for source in ("", target) if opens(folder, sealed, source)]
        assert opened, f"nothing opens after step {died}"
        if target not in opened or not to:  # begun again, it ends as if nothing had happened
            Keyring(folder, IDS, {}).rotate("", target)
        assert opens(folder, sealed, target)
        assert not opens(folder, sealed, "env:OLD", OLD=old)
    assert died >= 12


def test_a_rotation_that_was_cut_short_is_ended_by_the_next_start(tmp_path: Path) -> None:
    sealed = sealed_by(tmp_path)
    said = json.loads((tmp_path / "keyring").read_text())
    other = {"root": "env:OTHER", "domain_key": base64.b64encode(b"of another key").decode()}
    (tmp_path / "keyring").write_text(json.dumps({**said, "wrapped": [other, *said["wrapped"]]}))
    assert opens(tmp_path, sealed)
    assert json.loads((tmp_path / "keyring").read_text()) == said
