"""One port for TLS and plain HTTP; the admin socket; connections that do not behave."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from codeyard.edge import protocol, tls
from codeyard.edge.asgi import reply
from codeyard.edge.inbound import STALLED
from codeyard.edge.listener import YardServer, bind
from codeyard.edge.unix import bind_unix

GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n"


async def tell(scope: Any, receive: Any, send: Any) -> None:
    """Answers what the listener says of the request."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    said = {"scheme": scope["scheme"], "admin": scope["state"].get("admin", False), "client": scope["client"]}
    await reply(send, 200, [("content-type", "application/json")], json.dumps(said).encode())


class Served:
    """A running listener: a port for both, a port for TLS only, and a Unix socket."""

    def __init__(self, folder: Path) -> None:
        tls.ensure_certificates(folder, ["localhost", "127.0.0.1"], datetime.datetime.now(datetime.UTC))
        self.folder, self.unix = folder, folder / "admin.sock"
        both, secure = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
        self.port, self.secure_port = both.getsockname()[1], secure.getsockname()[1]
        started = threading.Event()
        config = uvicorn.Config(tell, http="httptools", ws="none", log_config=None, access_log=False)
        listeners = [(both, True), (bind_unix(self.unix), True), (secure, False)]
        self.server = YardServer(config, listeners, tls.server_context(folder / "server.pem"), started.set)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        assert started.wait(60)

    def connect(self, port: int = 0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port or self.port), timeout=60)

    def over_tls(self, port: int) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        return context.wrap_socket(self.connect(port), server_hostname="localhost")

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One listener for the module."""
    running = Served(tmp_path_factory.mktemp("listener"))
    yield running
    running.close()


def ask(connection: socket.socket, request: bytes = GET + b"\r\n") -> bytes:
    """Everything up to the end of one answer."""
    connection.sendall(request)
    return answer(connection)


def answer(connection: socket.socket) -> bytes:
    """One answer with its body, or what came before the connection closed."""
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        if end:
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            if len(body) >= length:
                return data
        part = connection.recv(65536)
        if not part:
            return data
        data += part


def said(raw: bytes) -> Any:
    """What `tell` said."""
    return json.loads(raw.partition(b"\r\n\r\n")[2])


def test_tls_and_plain_http_answer_on_one_port(served: Served) -> None:
    with served.connect() as plain, served.over_tls(served.port) as secure:
        assert said(ask(plain))["scheme"] == "http"
        assert said(ask(secure))["scheme"] == "https"


def test_a_port_for_tls_only_drops_plain_http_without_an_answer(served: Served) -> None:
    with served.over_tls(served.secure_port) as secure:
        assert said(ask(secure))["scheme"] == "https"
    with served.connect(served.secure_port) as plain:
        plain.sendall(GET + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100) == b""


def test_a_connection_that_says_nothing_keeps_nobody_waiting(served: Served) -> None:
    silent = [served.connect() for _ in range(5)]
    with served.connect() as other:
        assert said(ask(other))["scheme"] == "http"
    assert said(ask(silent[0]))["scheme"] == "http"
    for connection in silent:
        connection.close()


def test_a_broken_handshake_ends_only_its_own_connection(served: Served) -> None:
    with served.connect() as broken:
        broken.sendall(b"\x16" + os.urandom(300))
        try:
            while broken.recv(1000):
                pass
        except ConnectionResetError:
            pass
    with served.over_tls(served.port) as secure:
        assert said(ask(secure))["scheme"] == "https"


def test_only_the_unix_socket_is_the_admins_and_only_its_owner_opens_it(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(str(served.unix))
        assert said(ask(admin))["admin"] is True
    assert stat.S_IMODE(served.unix.stat().st_mode) == 0o600
    with served.connect() as stranger:
        found = said(ask(stranger))
        assert found["admin"] is False
        assert found["client"][0] == "127.0.0.1"


def test_a_head_with_long_session_tokens_passes_and_an_endless_one_is_refused(served: Served) -> None:
    with served.connect() as usual:
        assert ask(usual, GET + b"x-amz-security-token: " + b"t" * 20_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    with served.connect() as endless:
        endless.sendall(GET + b"x-filler: ")
        refused = b""
        try:
            for _ in range(40):
                endless.sendall(b"f" * 65_536)
            refused = answer(endless)
        except (ConnectionResetError, BrokenPipeError):
            endless.close()
        assert refused == b"" or refused.startswith(b"HTTP/1.1 431")
    with served.connect() as usual:
        assert ask(usual).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET + b"Content-Length: many\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_bad_request(served: Served, request_bytes: bytes) -> None:
    with served.connect() as connection:
        raw = ask(connection, request_bytes)
    assert raw.startswith(b"HTTP/1.1 400")
    assert b"Traceback" not in raw


class _Loop:
    """A loop whose time the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


class _Transport:
    def __init__(self, peer: bool = True) -> None:
        self.closed, self.peer = False, peer

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("10.0.0.1", 4) if self.peer and name == "peername" else None

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed


class _Flow:
    read_paused = False


class _Cycle:
    """A request under way."""

    def __init__(self, **facts: bool) -> None:
        self.more_body, self.response_complete, self.waiting_for_100_continue = True, False, False
        self.scope: Any = {"state": {}}
        self.message_event = threading.Event()
        for name, value in facts.items():
            setattr(self, name, value)


def _protocol(admin: bool = False) -> tuple[protocol.YardProtocol, _Loop]:
    config = uvicorn.Config(tell, http="httptools", ws="none", log_config=None)
    loop = _Loop()
    made = protocol.YardProtocol(
        admin=admin, app_state={}, config=config, server_state=uvicorn.server.ServerState(), _loop=loop
    )
    return made, loop


def test_a_head_that_takes_too_long_is_given_up() -> None:
    made, loop = _protocol()
    transport: Any = _Transport()
    made.connection_made(transport)
    made.data_received(b"GET / HTTP/1.1\r\nHo")
    loop.now += protocol.HEAD_WITHIN_S - 1
    made.expire()
    assert not transport.closed
    loop.now += 2
    made.expire()
    assert transport.closed


def test_a_body_that_stops_coming_is_told_to_its_reader() -> None:
    made, loop = _protocol(admin=True)
    made.flow = _Flow()  # type: ignore[assignment]
    made.on_message_begin()
    made._in_head = False
    made.cycle = cycle = _Cycle()  # type: ignore[assignment]
    loop.now += protocol.BODY_PIECE_WITHIN_S - 1
    made.expire()
    assert STALLED not in cycle.scope["state"]
    loop.now += 2
    made.expire()
    assert cycle.scope["state"][STALLED]
    assert cycle.message_event.is_set()


@pytest.mark.parametrize(
    "facts", [{"waiting_for_100_continue": True}, {"more_body": False}, {"response_complete": True}]
)
def test_who_owes_no_piece_of_a_body_does_not_stall(facts: dict[str, bool]) -> None:
    made, loop = _protocol(admin=True)
    made.flow = _Flow()  # type: ignore[assignment]
    made._in_head = False
    made.cycle = cycle = _Cycle(**facts)  # type: ignore[assignment]
    loop.now += 1000
    made.expire()
    assert STALLED not in cycle.scope["state"]


def test_a_connection_whose_address_is_gone_is_dropped_and_is_not_the_admins() -> None:
    made, _ = _protocol()
    transport: Any = _Transport(peer=False)
    made.connection_made(transport)
    made.data_received(GET + b"\r\n")
    assert transport.closed
    assert made.cycle is None
