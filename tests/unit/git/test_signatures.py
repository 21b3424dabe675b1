"""Signatures of commits, made by git and ssh-keygen themselves, and every way to break one."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeyard.git.signatures import Signed, is_right, of_commit, read_ssh

HEAD = b"tree " + b"a" * 40 + b"\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)], check=True)
    return path


def sign(key: Path, payload: bytes, namespace: str = "git") -> bytes:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    return subprocess.run(command, input=payload, capture_output=True, check=True).stdout


def signed(signature: bytes, *, after: bytes = b"", message: bytes = b"\n\nhello\n") -> bytes:
    return HEAD + b"\ngpgsig " + signature.strip().replace(b"\n", b"\n ") + after + message


def judge(commit: bytes) -> bool:
    found = of_commit(commit)
    assert found is not None
    read = read_ssh(found.signature)
    return read is not None and is_right(found.payload, read)


def test_what_the_key_signed_is_right_and_names_it(key: Path) -> None:
    payload = HEAD + b"\nencoding latin-1\n\nhello\n"
    commit = signed(sign(key, payload), after=b"\nencoding latin-1")
    found = of_commit(commit)
    assert found is not None
    assert (found.kind, found.payload) == ("ssh", payload)
    read = read_ssh(found.signature)
    assert read is not None
    assert base64.b64encode(read.key) == key.with_suffix(".pub").read_bytes().split()[1]
    assert is_right(found.payload, read)


def test_nothing_else_is_right(key: Path) -> None:
    payload = HEAD + b"\n\nhello\n"
    right = sign(key, payload)
    assert judge(signed(right))
    assert not judge(signed(right, message=b"\n\nhullo\n"))
    assert not judge(signed(right, after=b"\nmergetag x"))
    assert not judge(signed(sign(key, payload, "file")))
    assert not judge(signed(right + right))
    assert not judge(signed(right[: len(right) // 2]))
    twice = signed(right).replace(b"\n\nhello", b"\ngpgsig " + right.strip().replace(b"\n", b"\n ") + b"\n\nhello")
    assert not judge(twice)


@pytest.mark.parametrize(
    ("text", "kind"),
    [(b"-----BEGIN PGP SIGNATURE-----", "openpgp"), (b"-----BEGIN SIGNED MESSAGE-----", "x509"), (b"?", "unknown"),
     (b"-----BEGIN SSH SIGNATURE-----", "ssh")],
)  # fmt: skip
def test_other_signatures_are_known_by_their_first_line(text: bytes, kind: str) -> None:
    found = of_commit(signed(text))
    assert found is not None
    assert found.kind == kind
    assert read_ssh(found.signature) is None


def test_a_message_that_speaks_of_a_signature_is_no_signature() -> None:
    assert of_commit(HEAD + b"\n\ngpgsig -----BEGIN SSH SIGNATURE-----\n") is None
    assert of_commit(b"") is None


@given(st.binary(max_size=300))
def test_no_bytes_break_it(noise: bytes) -> None:
    armoured = b"-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(b"SSHSIG\0\0\0\1" + noise)
    read = read_ssh(armoured + b"\n-----END SSH SIGNATURE-----")
    assert read is None or not is_right(b"", read)
    found = of_commit(HEAD + b"\ngpgsig " + noise)
    assert found is None or isinstance(found, Signed)
