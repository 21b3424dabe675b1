"""Where the outbound client goes, and where it does not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from codeyard.outbound import Outbound, OutboundError, RefusedAddressError, is_public


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("192.168.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),
        ("224.0.0.1", False), ("::1", False), ("fe80::1%eth0", False), ("fc00::1", False),
        ("::ffff:127.0.0.1", False), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_only_the_open_internet_is_public(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize(
    "url",
    ["http://inner/", "ftp://x/", "http://u:p@example.com/", "http:///x", "http://x:99999/", "http://a\nb/"],
)
def test_what_leads_inside_or_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddressError):
        Outbound(resolver=lambda host, port: ["10.0.0.1"]).request("GET", url)


def test_one_inner_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(RefusedAddressError):
        Outbound(resolver=lambda host, port: ["93.184.216.34", "127.0.0.1"]).check("http://mixed.test/")


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "http://second.test:1/") if self.path == "/away" else None
        self.end_headers()
        if self.path != "/away":
            self.wfile.write(self.headers["Host"].encode() + b"x" * 100)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_the_call_goes_to_the_checked_address_and_the_body_is_capped(port: int) -> None:
    asked: list[str] = []

    def resolver(host: str, wanted: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    answer = Outbound(allow_private=True, resolver=resolver).request("GET", f"http://name.test:{port}/", max_bytes=20)

    assert asked == ["name.test"]
    assert answer.body.startswith(b"name.test")
    assert (len(answer.body), answer.complete) == (20, False)


def test_a_redirect_is_resolved_and_checked_anew(port: int) -> None:
    def resolver(host: str, wanted: int) -> list[str]:
        if host == "second.test":
            raise OutboundError("asked for the second name")
        return ["127.0.0.1"]

    with pytest.raises(OutboundError, match="second name"):
        Outbound(allow_private=True, resolver=resolver).request("GET", f"http://first.test:{port}/away")
