"""Whoever names a URL that the server is to call reaches the open internet by it, soon, and nothing inside."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.outbound import Outbound, OutboundError, RefusedAddressError, is_public
from tests.support.certificates import Company
from tests.support.yard import TestYard

INNER = [
    "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::127.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1:0:0:80ff:fffe",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "fec0::1", "fe80::1%lo", "ff02::1", "::", "0.0.0.1", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "127.255.255.254", "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "192.88.99.1", "2001:db8::1", "3fff::1", "fd12::1",
]  # fmt: skip
SPELLINGS = [
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0/", "http://0x7f.1/",
    "http://127.0.0.1./", "http://localhost/", "http://localhost./", "http://LOCALHOST/", "http://[::1]/",
    "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://127。0。0。1/", "http://①②⑦.0.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/",
]  # fmt: skip
MALFORMED = [
    "http://public.test@127.0.0.1/", "http://public.test:80@127.0.0.1/", "http://@127.0.0.1/",
    "http://public.test\\@127.0.0.1/", "http://public.test/\r\nX-Injected: 1", "http://public.test/a b",
    "http://public.test/\x00", "http://public.test\t.evil/", "http://public.test:0/", "http://public.test:65536/",
    "http://public.test:-1/", "http://[::1/", "file:///etc/passwd", "gopher://public.test/", "ftp://public.test/",
    "//public.test/", "http://", "https:///x", "dict://127.0.0.1:11211/",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_no_form_of_an_inner_address_is_called(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(RefusedAddressError):
        Outbound(resolver=lambda host, port: [address]).request("POST", "http://public.test/")


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_inner_host_gets_through_the_systems_resolver(url: str) -> None:
    with pytest.raises((RefusedAddressError, OutboundError), match=r"not an address|could not be resolved"):
        Outbound().request("GET", url)


@pytest.mark.parametrize("url", MALFORMED)
def test_a_url_that_two_readers_may_understand_in_two_ways_is_refused_unasked(url: str) -> None:
    def unasked(host: str, port: int) -> list[str]:
        raise AssertionError("it was resolved")

    with pytest.raises(RefusedAddressError):
        Outbound(resolver=unasked).request("POST", url)


class Quiet(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Peer:
    """A listener that answers each connection with what the test says, and keeps what it was sent."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answer, self.over = answer, threading.Event()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(65536))
                try:
                    self._answer(connection)
                except OSError:
                    self.over.set()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


@pytest.fixture
def peers() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    made: list[Peer] = []

    def make(answer: Callable[[socket.socket], None]) -> Peer:
        made.append(Peer(answer))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


def saying(raw: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(raw)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def permitting(*names: str) -> Outbound:
    """A client for which these names are loopback, and all others an inner network that it refuses."""
    return Outbound(allow_private=True, resolver=lambda host, port: ["127.0.0.1"] if host in names else [])


def test_a_name_that_changes_its_address_between_check_and_call_reaches_the_checked_one(peers: Any) -> None:
    peer, answers = peers(saying(OK)), [["127.0.0.1"], ["127.0.0.2"]]
    client = Outbound(allow_private=True, resolver=lambda host, port: answers.pop(0))
    assert client.request("GET", f"http://turns.test:{peer.port}/x").body == b"ok"
    assert f"Host: turns.test:{peer.port}".encode() in peer.heard[0]
    assert answers == [["127.0.0.2"]], "it was resolved once"


def test_a_name_that_was_public_at_its_check_is_refused_when_it_is_inner_at_the_call() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    client = Outbound(resolver=lambda host, port: answers.pop(0))
    client.check("http://turns.test/")
    with pytest.raises(RefusedAddressError):
        client.request("POST", "http://turns.test/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("onward", ["http://inner.test/", "http://10.0.0.1/", "//inner.test/", "file:///etc/passwd"])
def test_a_redirect_inside_is_not_followed(peers: Any, status: int, onward: str) -> None:
    peer = peers(saying(f"HTTP/1.1 {status} x\r\nLocation: {onward}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert permitting("public.test").request("POST", f"http://public.test:{peer.port}/").status == status
    with pytest.raises((RefusedAddressError, OutboundError)):
        permitting("public.test").request("GET", f"http://public.test:{peer.port}/")
    assert len(peer.heard) == 2


def test_redirects_in_a_circle_end(peers: Any) -> None:
    peer = peers(saying(b"HTTP/1.1 302 x\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(OutboundError, match="too many"):
        permitting("public.test").request("GET", f"http://public.test:{peer.port}/")
    assert len(peer.heard) == 4


def dripping(before: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def drip(connection: socket.socket) -> None:
        connection.sendall(before)
        tick = threading.Event()
        while not tick.wait(0.02):
            connection.sendall(drop)

    return drip


@pytest.mark.parametrize(
    ("before", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_peer_that_drips_holds_a_call_no_longer_than_its_time(peers: Any, before: bytes, drop: bytes) -> None:
    silent = threading.Event()
    peer = peers(dripping(before, drop) if drop else lambda connection: silent.wait(2) and None)
    begun = time.monotonic()
    with pytest.raises(OutboundError):
        permitting("slow.test").request("GET", f"http://slow.test:{peer.port}/", timeout=0.4)
    assert time.monotonic() - begun < 1.5
    silent.set()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 " + b"2" * 100_000 + b" OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_an_answer_that_is_none_is_a_failed_call(peers: Any, raw: bytes) -> None:
    peer = peers(saying(raw))
    with pytest.raises(OutboundError):
        permitting("odd.test").request("GET", f"http://odd.test:{peer.port}/", timeout=5.0)


@pytest.mark.parametrize("length", [b"Content-Length: 99999999999\r\n", b""])
def test_of_an_endless_answer_no_more_is_read_than_asked_for(peers: Any, length: bytes) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    peer = peers(endless)
    answer = permitting("big.test").request("GET", f"http://big.test:{peer.port}/", max_bytes=1000, timeout=5.0)
    assert (len(answer.body), answer.complete) == (1000, False)
    assert peer.over.wait(10), "the peer is hung up on"


def test_a_compressed_answer_is_not_unpacked(peers: Any) -> None:
    peer = peers(saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"))
    assert permitting("zip.test").request("GET", f"http://zip.test:{peer.port}/").body == b"\x1f\x8b\x08"


def test_the_certificate_is_checked_against_the_name_and_not_against_the_address(tmp_path: Path) -> None:
    company = Company(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*company.issue("named.test")[:2])
    asked: list[Any] = []
    context.sni_callback = lambda sock, name, ours: asked.append(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = permitting("named.test", "other.test").trusting(ssl.create_default_context(cafile=str(company.ca)))
        assert client.request("HEAD", f"https://named.test:{server.server_port}/").status == 200
        with pytest.raises(OutboundError):
            client.request("HEAD", f"https://other.test:{server.server_port}/")
        server.shutdown()
    assert asked == ["named.test", "other.test"]


@pytest.mark.parametrize("allowed", [False, True])
def test_only_where_the_administrator_allows_it_does_a_subscription_reach_inside(
    tmp_path: Path, peers: Any, allowed: bool
) -> None:
    peer = peers(saying(OK))
    yard = TestYard(tmp_path / "data", allow_private_outbound=allowed)
    try:
        topic = yard.call("sns", "CreateTopic", {"Name": "t"})["TopicArn"]
        asked = {"TopicArn": topic, "Protocol": "http", "Endpoint": f"http://127.0.0.1:{peer.port}/hook"}
        yard.call("sns", "Subscribe", asked)
        yard.settle()
        assert bool(peer.heard) is allowed
    finally:
        yard.close()


def test_nothing_of_a_message_becomes_a_header_of_its_delivery(tmp_path: Path, peers: Any) -> None:
    peer = peers(saying(OK))
    yard = TestYard(tmp_path / "data", allow_private_outbound=True)
    try:
        topic = yard.call("sns", "CreateTopic", {"Name": "t"})["TopicArn"]
        url = f"http://127.0.0.1:{peer.port}/h%0d%0aX-Evil:%201"
        yard.call("sns", "Subscribe", {"TopicArn": topic, "Protocol": "http", "Endpoint": url})
        yard.settle()
        head = peer.heard[0].partition(b"\r\n\r\n")[0]
        assert b"\r\nX-Evil" not in head
        assert head.startswith(b"POST /h%0d%0aX-Evil:%201 HTTP/1.1\r\n")
    finally:
        yard.close()
