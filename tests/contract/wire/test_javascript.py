"""The JavaScript SDK v3 as a client. Its packages are pinned in tests/contract/js and kept outside the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import npm
from tests.support.yard import TestYard

SOURCES = Path(__file__).resolve().parents[1] / "js"


@pytest.fixture(scope="module")
def packages() -> Path:
    """The SDK's packages."""
    return npm.packages(SOURCES)


def _run(yard: TestYard, packages: Path) -> Any:
    shutil.copy(SOURCES / "client.mjs", packages / "client.mjs")
    environment = {**yard.environment(), "HOME": os.devnull, "NODE_NO_WARNINGS": "1"}
    done = subprocess.run(
        ["node", "client.mjs"], cwd=packages, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_javascript_sdk_calls_json_cbor_and_s3(yard: TestYard, packages: Path) -> None:
    seen = _run(yard, packages)
    assert seen["created"] is True
    assert seen["description"] == "é"
    assert seen["missing"]["name"] == "RepositoryDoesNotExistException"
    assert seen["missing"]["status"] == 400
    assert seen["pipelines"] == []
    assert seen["noPipeline"]["name"] == "PipelineNotFoundException"
    assert seen["etag"].startswith('"')
    assert seen["same"] is True
    assert seen["metadata"] == {"one": "1"}
    assert seen["length"] == 300_000
    assert seen["keys"] == seen["deleted"] == ["a b/é+.txt"]
    assert seen["noKey"]["name"] == "NoSuchKey"
    assert seen["noKey"]["status"] == 404
