"""Debian's git-lfs and a plain HTTP client at the door of Git LFS."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.contract.git.conftest import ALL, Site

KIND = "application/vnd.git-lfs+json"
CONFIG = """[filter "lfs"]
    clean = git-lfs clean -- %f
    smudge = git-lfs smudge -- %f
    process = git-lfs filter-process
    required = true
[lfs]
    locksverify = true
"""


@dataclass
class Said:
    """An answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as Git LFS's JSON."""
        assert self.headers["content-type"] == KIND
        return json.loads(self.body)


@dataclass
class LfsSite(Site):
    """A site whose git has Git LFS, and whose people may also speak HTTP themselves."""

    urls: dict[str, str] = field(default_factory=dict)

    def url(self, name: str = "alice", statements: Any = ALL) -> str:
        """The clone URL of a person, who is made where there is none."""
        if name not in self.urls:
            self.urls[name] = self.person(name, statements)
        return self.urls[name]

    def environment(self, *, keys: dict[str, str] | None = None, tls: bool = False) -> dict[str, str]:
        """The site's, with Git LFS in git's configuration."""
        config = self.folder / "gitconfig"
        config.write_text(CONFIG)
        return {**super().environment(keys=keys, tls=tls), "GIT_CONFIG_GLOBAL": str(config)}

    def tracked(self, content: bytes, *, name: str = "big.bin", remote: str = "") -> Path:
        """A working copy with one large file on main, and git-lfs's hooks."""
        work = self.work(0)
        self.git("lfs", "install", "--local", cwd=work)
        (work / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
        (work / name).write_bytes(content)
        self.git("add", ".", cwd=work)
        self.git("commit", "--quiet", "--message", "large", cwd=work)
        self.git("remote", "add", "origin", remote or self.url(), cwd=work)
        return work

    def ask(self, method: str, path: str, body: bytes = b"", *, by: str = "alice", **headers: str) -> Said:
        """One request below info/lfs (or of a whole href), signed in unless `by` is empty."""
        there = urlsplit(self.url(by) if by else self.yard.endpoint)
        sent = {"Accept": KIND, "Content-Type": KIND}
        if by:
            who = f"{unquote(there.username or '')}:{unquote(there.password or '')}"
            sent["Authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
        target = urlsplit(path)
        place = f"{target.path}?{target.query}" if target.scheme else f"/v1/repos/demo/info/lfs/{path}"
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
        connection.request(method, place, body=body or None, headers={**sent, **headers})
        answer = connection.getresponse()
        found = Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def post(self, path: str, said: Any, *, by: str = "alice") -> Said:
        """POST JSON."""
        return self.ask("POST", path, json.dumps(said).encode(), by=by)

    def batch(self, operation: str, content: bytes, *, by: str = "alice", **more: Any) -> dict[str, Any]:
        """One object's entry of a batch."""
        oid = hashlib.sha256(content).hexdigest()
        said = {"operation": operation, "objects": [{"oid": oid, "size": len(content)}], **more}
        answer = self.post("objects/batch", said, by=by)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()["objects"][0]
        return found

    def link(self, use: str, content: bytes, **more: Any) -> str:
        """The href of an action (upload, verify or download)."""
        operation = "download" if use == "download" else "upload"
        return str(self.batch(operation, content, **more)["actions"][use]["href"])

    def upload(self, content: bytes) -> None:
        """Put an object, unless it is there."""
        actions = self.batch("upload", content).get("actions")
        if actions is not None:
            assert self.ask("PUT", actions["upload"]["href"], content, by="").status == 200

    def blobs(self) -> list[Path]:
        """Every file of the blob store, half-written ones among them."""
        return [path for path in (self.yard.data / "blobs").glob("*/*") if path.is_file()]
