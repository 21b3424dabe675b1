"""The console's pages of a repository: milliseconds of the server, from request to the last byte, beside their limits.

One page after the other on a kept connection, signed in, on an otherwise idle server; the client is on the other core.
"""

from __future__ import annotations

import http.client
import statistics
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
from rich.console import Console
from rich.table import Table

from bench.peers import codeyard

ROUNDS = 40
LINES, FILES = 5000, 40
PAGE_MS, DIFFERENCE_MS = 100, 1000
NAME, PASSWORD = "bench", "Correct-horse-1"


def make(ours: dict[str, Any]) -> dict[str, str]:
    """A repository with some commits and a pull request, and a user who may see it; the pages by what they show."""
    keys = {"aws_access_key_id": ours["access_key_id"], "aws_secret_access_key": ours["secret_access_key"]}
    place = {"endpoint_url": ours["endpoint"], "region_name": ours["region"]}
    git, iam = (boto3.client(service, **place, **keys) for service in ("codecommit", "iam"))
    git.create_repository(repositoryName=NAME)
    files = [
        {"filePath": f"src/f{n}.py", "fileContent": b"".join(b"x = %d\n" % m for m in range(200))} for n in range(FILES)
    ]
    readme = {"filePath": "README.md", "fileContent": b"# Bench\n\n" + b"A *line* of text.\n" * 100}
    commit = {"repositoryName": NAME, "branchName": "main"}
    tip = git.create_commit(**commit, putFiles=[*files, readme])["commitId"]
    git.create_branch(repositoryName=NAME, branchName="large", commitId=tip)
    text = b"".join(b"row %d\n" % n for n in range(LINES))
    large = git.put_file(
        repositoryName=NAME, branchName="large", parentCommitId=tip, filePath="long.txt", fileContent=text
    )["commitId"]
    target = {"repositoryName": NAME, "sourceReference": "large", "destinationReference": "main"}
    pull = git.create_pull_request(title="Large", targets=[target])["pullRequest"]["pullRequestId"]
    iam.create_user(UserName="reader")
    iam.create_login_profile(UserName="reader", Password=PASSWORD)
    iam.attach_user_policy(UserName="reader", PolicyArn="arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")
    home = f"/repositories/{NAME}"
    return {
        "repositories": "/repositories",
        "home, with its README": home,
        "commits": f"{home}/commits",
        "a file of 200 lines": f"{home}/files/src/f1.py",
        "blame of it, again": f"{home}/blame/src/f1.py",
        "pull requests": f"{home}/pulls",
        "a pull request": f"{home}/pulls/{pull}",
        f"its changes: {LINES} lines": f"{home}/pulls/{pull}/changes",
        f"a commit of {LINES} lines": f"{home}/commit/{large}",
    }


class Visitor:
    """A signed-in browser without a screen."""

    def __init__(self, ours: dict[str, Any]) -> None:
        self._place, server = urlsplit(ours["console"]), urlsplit(ours["endpoint"])
        self._connection = http.client.HTTPConnection(server.hostname or "", server.port or 80)
        form = urlencode({"account": ours["account"], "user": "reader", "password": PASSWORD})
        origin = f"http://{self._place.netloc}"
        head = {"content-type": "application/x-www-form-urlencoded", "origin": origin, "host": self._place.netloc}
        self._connection.request("POST", f"{self._place.path.rstrip('/')}/signin", form, head)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 303:
            raise RuntimeError(f"signing in answered {answer.status}")
        self._cookie = str(answer.headers["set-cookie"]).partition(";")[0]

    def took(self, path: str) -> float:
        """Milliseconds of a page."""
        began = time.perf_counter()
        head = {"cookie": self._cookie, "host": self._place.netloc}
        self._connection.request("GET", self._place.path.rstrip("/") + path, headers=head)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
        return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure every page and print how far it is below its limit."""
    table = Table(title="Console: pages of a repository")
    for name in ("page", "p50 ms", "p95 ms", "limit ms", "limit / p95"):
        table.add_column(name, justify="left" if name == "page" else "right")
    with codeyard("--no-runner") as ours:
        pages = make(ours)
        visitor = Visitor(ours)
        for title, path in pages.items():
            times = [visitor.took(path) for _ in range(ROUNDS + 1)][1:]
            p50, p95 = statistics.median(times), sorted(times)[int(ROUNDS * 0.95)]
            limit = DIFFERENCE_MS if str(LINES) in title else PAGE_MS
            table.add_row(title, f"{p50:.0f}", f"{p95:.0f}", str(limit), f"{limit / p95:.1f} ×")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
