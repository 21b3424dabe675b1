"""The only HTTP client to the outside. Every address that a name resolves to is checked, and the connection is made to
the checked address itself, so that neither a redirect nor a second DNS answer leads into the inner network."""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

Resolve = Callable[[str, int], Sequence[str]]
MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# What the ipaddress module takes for global: 6to4's relays, documentation.
_NOT_GLOBAL = (ipaddress.ip_network("192.88.99.0/24"), ipaddress.ip_network("3fff::/20"))


class RefusedAddressError(Exception):
    """The URL, or what its name resolves to, may not be called."""


class OutboundError(Exception):
    """The call could not be made, or its answer not be read; trying again may help."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; the body is cut off at the caller's limit, never silently: see `complete`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise OutboundError(f"{host} could not be resolved") from problem
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is of the open internet: not private, loopback, link-local, multicast or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    if any(ip in network for network in _NOT_GLOBAL):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


class Outbound:
    """Makes calls. `allow_private` is the administrator's setting for networks without an outside."""

    def __init__(
        self, *, allow_private: bool = False, resolver: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_private, self._resolve = allow_private, resolver
        self._tls = tls

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 15.0,
        max_bytes: int = 1_048_576,
        redirects: int = MAX_REDIRECTS,
    ) -> Response:
        """Call a URL; follows a few redirects of reads, each checked anew. All of it ends within the timeout."""
        ends = time.monotonic() + timeout
        for _ in range(redirects + 1):
            target = self._checked(url)
            answer = self._once(method, target, dict(headers or {}), body, ends, max_bytes)
            onward = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not onward or method not in ("GET", "HEAD"):
                return answer
            url = urljoin(url, onward)
        raise OutboundError("too many redirects")

    def check(self, url: str) -> None:
        """Raise RefusedAddressError where `request` would."""
        target = self._checked(url)
        self._address(target)

    def trusting(self, tls: ssl.SSLContext) -> Outbound:
        """The same client with another notion of which certificates are good."""
        return Outbound(allow_private=self._allow_private, resolver=self._resolve, tls=tls)

    def chain(self, url: str, timeout: float = 5.0) -> list[bytes]:
        """The certificates (DER, the host's own first) that an https URL's host shows, good or not: nothing is sent."""
        target = self._checked(url)
        if target.scheme != "https":
            raise RefusedAddressError("only an https URL has certificates")
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection = _PinnedTls(target.hostname or "", _port(target), self._address(target), timeout, anyone)
        try:
            connection.connect()
            return _shown(connection.sock)
        except (OSError, ValueError) as problem:
            raise OutboundError(f"the call failed: {type(problem).__name__}") from problem
        finally:
            connection.close()

    @staticmethod
    def _checked(url: str) -> SplitResult:
        try:
            target = urlsplit(url)
            port, host = target.port, target.hostname
        except ValueError:
            raise RefusedAddressError("the URL is malformed") from None
        if target.scheme not in ("http", "https") or not host or port == 0:
            raise RefusedAddressError("only http and https URLs with a host may be called")
        if target.username is not None or target.password is not None:
            raise RefusedAddressError("a URL with a user name may not be called")
        if any(ord(char) <= 32 or ord(char) == 127 for char in url):
            raise RefusedAddressError("the URL is malformed")
        return target

    def _address(self, target: SplitResult) -> str:
        host, port = target.hostname or "", _port(target)
        addresses = self._resolve(host, port)
        if not addresses:
            raise OutboundError(f"{host} has no address")
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise RefusedAddressError(f"{host} is not an address of the open internet")
        return addresses[0]

    def _once(
        self, method: str, target: SplitResult, headers: dict[str, str], body: bytes, ends: float, limit: int
    ) -> Response:
        connection = self._connection(target, self._address(target), max(ends - time.monotonic(), 0.001))
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        headers.setdefault("Host", target.netloc)
        bounded: _Bounded | None = None
        try:
            connection.connect()
            connection.sock = bounded = _Bounded(connection.sock, ends)
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            found = answer.read(limit + 1)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise OutboundError(f"the call failed: {type(problem).__name__}") from problem
        finally:
            connection.close()
            if bounded is not None:
                bounded.end()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, named, found[:limit], len(found) <= limit)

    def _connection(self, target: SplitResult, address: str, timeout: float) -> http.client.HTTPConnection:
        host, port = target.hostname or "", _port(target)
        if target.scheme == "https":
            return _PinnedTls(host, port, address, timeout, self._tls or ssl.create_default_context())
        return _Pinned(host, port, address, timeout)


def _shown(sock: Any) -> list[bytes]:
    """The peer's chain; before Python 3.13 only the socket's inner object tells it."""
    if hasattr(sock, "get_unverified_chain"):
        return list(sock.get_unverified_chain())
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in sock._sslobj.get_unverified_chain() or ()]


def _port(target: SplitResult) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


class _Bounded(io.RawIOBase):
    """A connected socket whose reads and writes all end by one moment: a peer that drips keeps nobody waiting."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self._sock, self._ends = sock, ends

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client reads the answer from."""
        return io.BufferedReader(_Bounded(self._sock, self._ends))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or wait for it."""
        self._wait()
        return self._sock.recv_into(buffer)

    def sendall(self, data: Any) -> None:
        """Send all of it."""
        left = memoryview(data)
        while left:
            self._wait()
            left = left[self._sock.send(left) :]

    def end(self) -> None:
        """Close the socket. `close` does not: http.client closes the connection before it has read an answer's body."""
        self._sock.close()

    def _wait(self) -> None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call took too long")
        self._sock.settimeout(left)


class _Pinned(http.client.HTTPConnection):
    """Connects to one address, whatever its name resolves to now."""

    def __init__(self, host: str, port: int, address: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _PinnedTls(_Pinned):
    """The same over TLS, the certificate checked against the name."""

    def __init__(self, host: str, port: int, address: str, timeout: float, tls: ssl.SSLContext) -> None:
        super().__init__(host, port, address, timeout)
        self._tls = tls

    def connect(self) -> None:
        super().connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
