"""A server spoken to in bytes: what no well-behaved client would send, or in pieces of one's own."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.yard import TestYard

Answer = tuple[int, dict[str, str], bytes]


class Wire:
    """One connection, spoken to in bytes."""

    def __init__(self, yard: TestYard) -> None:
        url = urlsplit(yard.endpoint)
        self.socket = socket.create_connection((url.hostname or "", url.port or 0), timeout=60)
        self._more = b""

    def ask(self, raw: bytes) -> Answer:
        """Send, and read one answer."""
        self.socket.sendall(raw)
        return self.answer(head_only=raw.startswith(b"HEAD"))

    def ask_in_two(self, raw: bytes, at: int, before: bytes) -> Answer:
        """As `ask`, in two pieces: the first goes with a whole request, whose answer shows that it was read."""
        self.socket.sendall(before + raw[:at])
        self.answer()
        self.socket.sendall(raw[at:])
        return self.answer(head_only=raw.startswith(b"HEAD"))

    def answer(self, *, head_only: bool = False) -> Answer:
        """(status, headers, body) of the next answer."""
        data, self._more = self._more, b""
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            assert part, f"the connection closed after {data!r}"
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while not head_only and len(body) < int(headers.get("content-length", 0)):
            body += self.socket.recv(65536)
        length = 0 if head_only else int(headers.get("content-length", 0))
        body, self._more = body[:length], body[length:]
        return int(lines[0].split()[1]), headers, body


def signed(
    yard: TestYard, method: str, path: str, service: str, body: bytes = b"", keys: Any = None, **headers: str
) -> bytes:
    """The head and body of a signed request."""
    found = keys or yard.facts
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method, yard.endpoint + path, headers=named, data=body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    credentials = Credentials(found["access_key_id"], found["secret_access_key"])
    auth(credentials, service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(yard.endpoint).netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if "content-length" not in {name.lower() for name in request.headers}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
