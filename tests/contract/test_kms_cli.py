"""KMS through the `aws` command and openssl: what a shell does with keys."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.yard import TestYard

AWS = str(Path(sys.executable).with_name("aws"))


@pytest.fixture
def aws(module_yard: TestYard, tmp_path: Path) -> Any:
    """Runs `aws kms …` and gives its JSON."""

    def run(*words: str) -> Any:
        done = subprocess.run(
            [AWS, "kms", *words, "--output", "json"],
            cwd=tmp_path,
            env=module_yard.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    return run


def test_a_file_is_encrypted_and_decrypted(aws: Any, tmp_path: Path) -> None:
    key = aws("create-key", "--description", "of the shell")["KeyMetadata"]["KeyId"]
    aws("create-alias", "--alias-name", "alias/shell", "--target-key-id", key)
    (tmp_path / "plain").write_bytes(b"attack at dawn\x00\xff")
    context = ("--encryption-context", "team=a,level=2")
    made = aws("encrypt", "--key-id", "alias/shell", "--plaintext", "fileb://plain", *context)
    (tmp_path / "sealed").write_bytes(base64.b64decode(made["CiphertextBlob"]))
    found = aws("decrypt", "--ciphertext-blob", "fileb://sealed", *context)
    assert base64.b64decode(found["Plaintext"]) == b"attack at dawn\x00\xff"


def test_openssl_verifies_what_a_key_signed(aws: Any, tmp_path: Path) -> None:
    key = aws("create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    (tmp_path / "notes").write_text("version 1\n")
    asked = ("--message", "fileb://notes", "--signing-algorithm", "ECDSA_SHA_256")
    made = aws("sign", "--key-id", key, *asked)
    (tmp_path / "signature").write_bytes(base64.b64decode(made["Signature"]))
    (tmp_path / "der").write_bytes(base64.b64decode(aws("get-public-key", "--key-id", key)["PublicKey"]))
    subprocess.run(
        ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "der", "-out", "pem"], cwd=tmp_path, check=True
    )
    words = ["openssl", "dgst", "-sha256", "-verify", "pem", "-signature", "signature", "notes"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Verified OK"
    (tmp_path / "notes").write_text("version 2\n")
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode != 0
