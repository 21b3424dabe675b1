"""Getting a build's sources as the build's own role: once per content, kept read-only, overlaid by each build.

What came from git, or from a pipeline, is kept for later builds. A project's own source in S3 is sealed there, and lies
here in the clear only while a build uses it. Every build asks the server with its own session, even for what is kept: a
role that may not read gets nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from codeyard.formats import arns, zips
from codeyard.runner import checkout
from codeyard.runner.client import AWAY, Refused, Server
from codeyard.runner.layers import Fill, Index, Layers


class SourceFailed(Exception):
    """The source could not be had; the text is what the phase's context says."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A folder that is never written to, the place below src<number>/src where it goes, and the version it holds."""

    folder: Path | None
    place: str
    version: str
    held: int = -1


class Sources:
    """Fetches into a cache that builds share read-only."""

    def __init__(self, cache: Path, server: Server) -> None:
        self._cache, self._server = cache, server
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._layers = Layers(cache)

    def get(self, source: Mapping[str, Any], version: str, index: int, identifier: str) -> Fetched:
        """The source at a version; SourceFailed says why not. `index` counts the build's sources from the primary."""
        kind, location = source["type"], source.get("location") or ""
        which = f"secondary source {identifier}" if index else "primary source"
        try:
            if kind == "NO_SOURCE":
                return Fetched(None, "", "")
            if kind == "CODECOMMIT":
                return self._repository(location, version, int(source.get("gitCloneDepth") or 0), which)
            bucket, key = arns.s3_place(location)
            wanted = version if kind == "S3" and not version.startswith("arn:") else ""
            return self._archive(bucket, key, wanted, f"s3/{index:02d}", "s3" if kind == "S3" else "zip")
        except Refused as refused:
            said = f"{refused.code}: {refused.message}\n\tstatus code: {refused.status}"
            raise SourceFailed(f"{said} for {which} and source version {version}") from None
        except AWAY as problem:
            raise SourceFailed(f"the server cannot be reached: {problem}") from None

    def object(self, arn: str) -> str:
        """The text of a small object: a buildspec that lies in S3."""
        bucket, key = arns.s3_place(arn)
        try:
            with tempfile.TemporaryFile(dir=self._cache) as file:
                self._server.download(bucket, unquote(key), "", file)
                file.seek(0)
                return file.read(1 << 20).decode("utf-8", "replace")
        except Refused as refused:
            raise SourceFailed(f"{refused.code}: {refused.message}") from None

    def _archive(self, bucket: str, key: str, version: str, place: str, kind: str) -> Fetched:
        if key.endswith("/"):
            raise SourceFailed("the source is a folder of a bucket; Codeyard builds from one zip object")
        with tempfile.NamedTemporaryFile(dir=self._cache, prefix=".download-") as file:
            headers = self._server.download(bucket, key, version, file)
            file.flush()
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            line = f"{bucket}/{key.rpartition('/')[0]}" if kind == "zip" else ""
            archive = Path(file.name)
            folder, held = self._kept(f"{kind}-{digest}", lambda target, index: _unzip(archive, target, index), line)
        found = headers.get("x-amz-version-id", "")
        return Fetched(folder, place, "" if found == "null" else found, held)

    def _repository(self, location: str, version: str, depth: int, which: str) -> Fetched:
        name = location.rstrip("/").partition("/v1/repos/")[2]
        with self._layers.locked(f"git-{name}"):
            mirror, head = self._cache / f"git-{name}.git", ""
            try:
                head = checkout.fetch(self._server, name, mirror)
                commit = checkout.commit_of(mirror, version, head)
            except checkout.GitFailed as problem:
                raise SourceFailed(f"{problem} for {which} and source version {version[:200] or head}") from None
            origin = f"https://git-codecommit.{self._server.place.region}.amazonaws.com/v1/repos/{name}"
            key = hashlib.sha256(f"{name}/{commit}/{depth}/{checkout.FORM}".encode()).hexdigest()
            folder, held = self._kept(
                f"tree-{key}", lambda target, _: checkout.write(mirror, target, commit, depth, origin)
            )
        return Fetched(folder, origin.partition("://")[2], commit, held)

    def _kept(self, key: str, fill: Fill, line: str = "") -> tuple[Path, int]:
        try:
            return self._layers.kept(key, fill, line=line)
        except (OSError, checkout.GitFailed) as problem:
            raise SourceFailed(f"the source cannot be unpacked: {problem}") from None


def drop_archives(cache: Path) -> None:
    """Drop what came from S3 and no build has under it any more."""
    Layers(cache).drop("s3-")


def _unzip(archive: Path, target: Path, index: Index) -> None:
    try:
        with archive.open("rb") as file:
            zips.extract(file, str(target), place=index.place)
    except zips.BadZipError as problem:
        raise SourceFailed(f"the source cannot be unpacked: {problem}") from None
