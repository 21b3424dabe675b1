"""S3 through the `aws` command: cp, sync, ls, rm, mv, presign."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.yard import TestYard

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def bucket(module_yard: TestYard) -> str:
    """A fresh bucket's name."""
    name = f"b-{uuid4().hex[:12]}"
    module_yard.client("s3").create_bucket(Bucket=name)
    return name


def aws(yard: TestYard, *arguments: str, cwd: Path) -> str:
    """Run `aws s3 …` with what `codeyard env` prints; its output."""
    environment = yard.environment()
    done = subprocess.run(
        [AWS, "s3", *arguments], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_files_are_copied_synced_listed_moved_and_removed(module_yard: TestYard, bucket: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    target.mkdir()
    (source / "one.txt").write_text("one")
    (source / "deep" / "two.bin").write_bytes(b"\x00" * (9 << 20))
    for path in source.rglob("*.*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))  # older than the objects, whose clock is the test's
    aws(module_yard, "sync", str(source), f"s3://{bucket}/tree", cwd=tmp_path)
    listed = aws(module_yard, "ls", "--recursive", f"s3://{bucket}", cwd=tmp_path)
    assert [line.split()[2:] for line in listed.splitlines()] == [
        ["9437184", "tree/deep/two.bin"],
        ["3", "tree/one.txt"],
    ]
    assert "PRE deep/" in aws(module_yard, "ls", f"s3://{bucket}/tree/", cwd=tmp_path)
    aws(module_yard, "sync", f"s3://{bucket}/tree", str(target), cwd=tmp_path)
    assert (target / "deep" / "two.bin").read_bytes() == b"\x00" * (9 << 20)
    again = aws(module_yard, "sync", str(source), f"s3://{bucket}/tree", cwd=tmp_path)
    assert again.strip() == ""
    aws(module_yard, "mv", f"s3://{bucket}/tree/one.txt", f"s3://{bucket}/moved.txt", cwd=tmp_path)
    assert aws(module_yard, "cp", f"s3://{bucket}/moved.txt", "-", cwd=tmp_path) == "one"
    aws(module_yard, "rm", "--recursive", f"s3://{bucket}", cwd=tmp_path)
    aws(module_yard, "rb", f"s3://{bucket}", cwd=tmp_path)


def test_a_presigned_url_of_the_command_works(module_yard: TestYard, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("signed")
    aws(module_yard, "cp", "f", f"s3://{bucket}/f", cwd=tmp_path)
    url = aws(module_yard, "presign", f"s3://{bucket}/f", cwd=tmp_path).strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"signed"
