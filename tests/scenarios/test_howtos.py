"""The pages of docs/howto do what they say: each is typed in, word for word, against one server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from codeyard.cli.endpoint import client
from codeyard.cli.env import variables
from tests.crash.support import wait_until
from tests.support import quick_aws
from tests.support.fuse import lacking
from tests.support.howto import blocks, script
from tests.support.mailbox import Mailbox

PAGES = Path(__file__).resolve().parents[2] / "docs" / "howto"
BIN = Path(sys.executable).parent

# Each page that is typed in, with the pages whose work it goes on with.
AFTER: dict[str, tuple[str, ...]] = {
    "push-code": (),
    "clone-over-ssh": ("push-code",),
    "use-boto3-and-the-sdks": (),
    "several-accounts": (),
    "build-with-jenkins": (),
    "mirror-or-import-a-repository": ("push-code",),
    "large-files-with-git-lfs": ("push-code",),
    "protect-a-branch": ("push-code",),
    "review-with-pull-requests": ("push-code",),
    "build-a-project": ("push-code",),
    "run-builds": ("build-a-project",),
    "see-why-a-build-failed": ("build-a-project",),
    "keep-secrets-for-builds": ("build-a-project",),
    "deploy-to-a-host": ("build-a-project",),
    "roll-back-a-deployment": ("deploy-to-a-host",),
    "make-a-pipeline": ("roll-back-a-deployment",),
    "approve-a-release": ("make-a-pipeline",),
    "start-a-pipeline-by-a-webhook": ("make-a-pipeline",),
    "find-out-who-did-it": ("push-code",),
    "trail-to-a-bucket-and-verify-it": (),
    "first-user-and-least-privilege": (),
    "keys-without-secrets-by-oidc": (),
    "encrypt-with-your-own-key": (),
    "encrypt-a-repository": (),
    "keep-the-root-key-elsewhere": (),
    "send-events-to-slack-or-a-webhook": ("push-code",),
    "be-told-by-mail": ("make-a-pipeline",),
}
# Pages about the machine itself, its server, or the code: their commands are not for a test to run.
READ_ONLY = {
    *("add-a-service", "back-up-and-restore", "run-the-server", "troubleshoot", "use-the-console"),
    *("trust-the-local-ca", "use-your-own-certificate"),
    *("migrate-from-github", "migrate-from-gitlab", "migrate-from-a-git-server"),  # typed in by test_migrate.py
}


class Chat(BaseHTTPRequestHandler):
    """A chat's incoming webhook, which remembers what it was told."""

    told: list[Any] = []

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Reader:
    """Somebody with a shell, a fresh machine and a server, who types in the pages."""

    mailbox: Mailbox

    def __init__(self, folder: Path, chat: str, mail: int) -> None:
        self.folder, self._children = folder, list[subprocess.Popen[bytes]]()
        self._done, self._failed = set[str](), set[str]()
        (folder / "bin").mkdir()
        (folder / "home").mkdir()
        self.environment = {
            "PATH": f"{folder}/bin:{BIN}:{os.environ['PATH']}",
            "HOME": f"{folder}/home",
            "CODEYARD_DATA": f"{folder}/data",
            "CHAT_URL": chat,
            "PORT": str(_free_port()),
            **{f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in _ME.items()},
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        served = ["serve", "--data", "data", "--port", "0", "--allow-private-outbound"]
        served += ["--smtp-host", "127.0.0.1", "--smtp-port", str(mail), "--smtp-security", "none"]
        served += ["--smtp-from", "codeyard@example.com"]
        self._start("server", [sys.executable, "-m", "codeyard.cli", *served])
        self._start(
            "aws", [sys.executable, "-m", "tests.support.quick_aws", f"{folder}/aws.sock"], cwd=PAGES.parents[1]
        )
        quick_aws.install(folder / "bin", folder / "aws.sock")
        endpoint = folder / "data" / "endpoint.json"
        wait_until("the server serves", lambda: endpoint.exists() and (folder / "aws.sock").exists())
        self.environment |= variables(json.loads(endpoint.read_text()))

    def read(self, page: str) -> None:
        """Type in the page, after those that it goes on with."""
        if page in self._done:
            return
        assert page not in self._failed, f"{page}.md has failed before"
        for before in AFTER[page]:
            self.read(before)
        log, typed = self.folder / f"{page}.log", self.folder / f"{page}.sh"
        typed.write_text(script(PAGES / f"{page}.md"))
        status = self._start(page, ["bash", str(typed)]).wait(150)
        (self._failed if status else self._done).add(page)
        assert status == 0, f"{page}.md:\n{log.read_text()[-3000:]}"

    def close(self) -> None:
        """Let the builds end, then the server and whatever the pages left in the background."""
        codebuild = client(json.loads((self.folder / "data" / "endpoint.json").read_text()), "codebuild")

        def ended() -> bool:
            ids = codebuild.list_builds()["ids"]
            return not ids or all(one["buildComplete"] for one in codebuild.batch_get_builds(ids=ids)["builds"])

        with suppress(AssertionError):  # what does not end has failed its page already
            wait_until("the builds end", ended)
        for child in reversed(self._children):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        self._children[0].wait(30)  # the server, which ends its runner: both need their folder until then

    def _start(self, name: str, command: list[str], cwd: Path | None = None) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=cwd or self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children.append(child)
        return child


_ME = {"NAME": "Dana", "EMAIL": "dana@example.com"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The reader, with a chat and a mailbox beside."""
    mailbox = Mailbox(opened=follow)
    chat = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=chat.serve_forever, daemon=True).start()
    somebody = Reader(tmp_path_factory.mktemp("howto"), f"http://127.0.0.1:{chat.server_port}/", mailbox.port)
    somebody.mailbox = mailbox
    yield somebody
    somebody.close()
    chat.shutdown()
    mailbox.close()


def follow(mail: EmailMessage) -> None:
    """Ann, who opens the link of every mail that asks her to confirm."""
    for link in re.findall(r"http://\S+Action=ConfirmSubscription\S+", mail.get_content()):
        urllib.request.urlopen(link, timeout=60).close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", AFTER)
def test_the_page_does_what_it_says(reader: Reader, page: str) -> None:
    if page == "encrypt-a-repository" and lacking():
        pytest.skip(f"no encrypted folder can be opened here: {lacking()}")
    reader.read(page)


def test_what_the_page_about_webhooks_sends_arrives(reader: Reader) -> None:
    reader.read("send-events-to-slack-or-a-webhook")
    found = wait_until("the message", lambda: [one["text"] for one in Chat.told if "referenceCreated" not in one])
    assert "CodeCommit Repository State Change" in found[0]


def test_the_mails_that_the_page_promises_arrive(reader: Reader) -> None:
    reader.read("be-told-by-mail")

    def mails() -> list[str]:
        return [mail.get_content() for to, mail in reader.mailbox.mails if to == "ann@example.com"]

    wait_until("the mail", lambda: [text for text in mails() if "pullRequestCreated" in text])
    wait_until("the mail", lambda: [text for text in mails() if '"state":"FAILED"' in text.replace(" ", "")])


def test_no_page_is_forgotten_here() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == set(AFTER) | READ_ONLY
    assert [page for page in AFTER if not blocks(PAGES / f"{page}.md")] == []


def test_the_readme_leads_to_every_page_and_every_link_between_pages_to_something() -> None:
    root = PAGES.parents[1]
    readme = (root / "README.md").read_text()
    assert [page.name for page in PAGES.glob("*.md") if f"](docs/howto/{page.name})" not in readme] == []
    for page in (root / "README.md", root / "CONTRIBUTING.md", *PAGES.glob("*.md")):
        links = re.findall(r"\]\(([\w.-]*[./][\w./-]*)", page.read_text())
        assert [link for link in links if not (page.parent / link).exists()] == [], page.name
