"""A small SMTP server on loopback, in the clear or encrypted, that keeps what it is given."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any


class Mailbox:
    """Listens on a free port. `answers` are given to the next messages instead of taking them; `logins` is who came."""

    def __init__(
        self,
        security: str = "none",
        certificate: tuple[Path, Path] | None = None,
        opened: Callable[[EmailMessage], None] = lambda mail: None,
    ) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.answers: list[str] = []
        self.logins: list[bytes] = []
        self.opened = opened
        self.security, self.tls = security, None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.box = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    box: Mailbox

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no fault."""


class _Session(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self._box, self._encrypted = box, False
        if box.security == "tls":
            self._encrypt()
        self._open()
        self._say("220 here")
        while line := self._file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 bye")
                return
            self._say(self._answer(verb.upper(), rest))
            if verb.upper() == "STARTTLS" and box.tls is not None:
                self._encrypt()
                self._open()

    def _answer(self, verb: str, rest: str) -> str:
        if verb == "EHLO":
            offered = ["here", "AUTH PLAIN", *(["STARTTLS"] if self._box.tls and not self._encrypted else [])]
            return "\r\n".join(f"250{'-' if one != offered[-1] else ' '}{one}" for one in offered)
        if verb == "AUTH":
            self._box.logins.append(base64.b64decode(rest.partition(" ")[2]))
            return "235 welcome" if self._box.logins[-1].endswith(b"right") else "535 no"
        if verb == "RCPT":
            self._to = rest.partition("<")[2].rstrip(">")
        if verb == "DATA":
            return self._take()
        return "220 go" if verb == "STARTTLS" else "250 ok"

    def _take(self) -> str:
        if self._box.answers:
            return self._box.answers.pop(0)
        self._say("354 go")
        lines = list(iter(self._file.readline, b".\r\n"))
        text = b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)
        mail = email.message_from_bytes(text, _class=EmailMessage, policy=email.policy.default)
        self._box.mails.append((self._to, mail))
        threading.Thread(target=self._box.opened, args=(mail,), daemon=True).start()
        return "250 taken"

    def _encrypt(self) -> None:
        assert self._box.tls is not None
        self.request, self._encrypted = self._box.tls.wrap_socket(self.request, server_side=True), True

    def _open(self) -> None:
        self._file = self.request.makefile("rb")

    def _say(self, text: str) -> None:
        self.request.sendall(text.encode() + b"\r\n")
