"""Data folders of programs that had no keyring: everything in them is right under the root key."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from codeyard.engine import SystemIds
from codeyard.main import Options, Yard
from codeyard.storage import RootKeyError
from codeyard.storage.roots import HeldRoot
from tests.support.yard import TestYard


def as_before(data: Path) -> None:
    """Make of a folder what an older program would have left: the key of its data is the root key."""
    root = HeldRoot("", bytes.fromhex((data / "root.key").read_text()), SystemIds())
    kept = json.loads((data / "keyring").read_text())["wrapped"][0]["domain_key"]
    (data / "root.key").write_text(root.unwrap(base64.b64decode(kept), "codeyard keyring v1").hex())
    (data / "keyring").unlink()


def test_an_older_folder_goes_on_and_a_wrong_key_makes_it_no_keyring(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = TestYard(data)
    before.call("secretsmanager", "CreateSecret", {"Name": "s", "SecretString": "kept"})
    before.client("s3").create_bucket(Bucket="kept")
    before.client("s3").put_object(Bucket="kept", Key="k", Body=b"object")
    before.close()
    as_before(data)
    good = (data / "root.key").read_text()
    (data / "root.key").write_text("ab" * 32)
    wrong = Yard(Options(data=data))
    with pytest.raises(RootKeyError, match="nothing in the database opens by it"):
        wrong.open()
    wrong.close()
    assert not (data / "keyring").exists()
    (data / "root.key").write_text(good)
    after = TestYard(data)
    try:
        assert json.loads((data / "keyring").read_text())["adopted"] is True
        assert after.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "kept"
        assert after.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == b"object"
    finally:
        after.close()
