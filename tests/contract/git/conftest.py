"""Real git against a served yard."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from codeyard.storage import loads
from tests.support.yard import TestYard

ARN = "arn:aws:codecommit:us-east-1:123456789012:demo"
ALL = [{"Effect": "Allow", "Action": ["codecommit:GitPull", "codecommit:GitPush"], "Resource": ARN}]


@dataclass
class Site:
    """A served repository `demo`, its users, and a working copy of git's."""

    yard: TestYard
    folder: Path

    def person(self, name: str, statements: list[dict[str, Any]]) -> str:
        """The clone URL of a new user with IAM Git credentials."""
        self.yard.user(name, statements or None)
        made = self.yard.call(
            "iam", "CreateServiceSpecificCredential", {"UserName": name, "ServiceName": "codecommit.amazonaws.com"}
        )["ServiceSpecificCredential"]
        who = f"{quote(made['ServiceUserName'], safe='')}:{quote(made['ServicePassword'], safe='')}"
        return f"{self.yard.endpoint.replace('://', f'://{who}@')}/v1/repos/demo"

    def environment(self, *, keys: dict[str, str] | None = None, tls: bool = False) -> dict[str, str]:
        """A clean environment with the repository's tools on its path."""
        tools = str(Path(sys.executable).parent)
        found = self.yard.environment(keys, tls=tls)
        return {**found, "PATH": f"{tools}{os.pathsep}{found['PATH']}", "HOME": str(self.folder)}

    def git(self, *args: str, cwd: Path | None = None, ok: bool = True, **more: Any) -> str:
        """Run git; its output, errors included."""
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
        env = more.pop("env", None) or self.environment()
        found = subprocess.run(
            ["git", *who, *args], cwd=cwd or self.folder, env=env, capture_output=True, timeout=110, check=False
        )
        said = (found.stdout + found.stderr).decode("utf-8", "replace")
        assert (found.returncode == 0) == ok, said
        return said.strip()

    def work(self, commits: int = 3) -> Path:
        """A new working copy with some commits on main."""
        folder = self.folder / f"work{len(list(self.folder.iterdir()))}"
        self.git("init", "--quiet", "--initial-branch=main", str(folder))
        for number in range(commits):
            self.commit(folder, f"file{number}", f"content {number}\n")
        return folder

    def commit(self, folder: Path, name: str, content: str) -> str:
        """Commit one file; the commit's id."""
        (folder / name).write_text(content)
        self.git("add", name, cwd=folder)
        self.git("commit", "--quiet", "--message", f"change {name}", cwd=folder)
        return self.git("rev-parse", "HEAD", cwd=folder)

    def branches(self) -> dict[str, str]:
        """The repository's branches, as the API shows them."""
        names = self.yard.call("codecommit", "ListBranches", {"repositoryName": "demo"})["branches"]
        get = {"repositoryName": "demo"}
        return {
            name: self.yard.call("codecommit", "GetBranch", {**get, "branchName": name})["branch"]["commitId"]
            for name in names
        }

    def events(self) -> list[dict[str, Any]]:
        """The details of CodeCommit's events that are not yet delivered."""
        query = sa.text("SELECT detail FROM outbox WHERE source = 'aws.codecommit' ORDER BY time, rowid")
        return [loads(row.detail) for row in self.yard.yard.db.read(lambda tx: tx.all(query))]

    def records(self, name: str) -> list[dict[str, Any]]:
        """The trail's records of an event name."""
        return [record for record in self.yard.trail() if record["eventName"] == name]


@pytest.fixture
def site(yard: TestYard, tmp_path: Path) -> Site:
    """A yard with one empty repository."""
    yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    folder = tmp_path / "client"
    folder.mkdir()
    return Site(yard, folder)


@pytest.fixture
def url(site: Site) -> str:
    """A clone URL that may pull and push everything."""
    return site.person("alice", ALL)
