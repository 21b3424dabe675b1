"""The network of a build's namespace: its loopback up, and everything private or of the host without a route."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import socket
import struct
from pathlib import Path

# What a build may not reach: this network, private, shared, link-local (metadata), multicast, reserved.
CLOSED = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
CLOSED_6 = ("::/0",)
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _UP = 0x8913, 0x8914, 1
_NEWROUTE, _REQUEST, _ACK, _CREATE = 24, 1, 4, 0x400
_UNREACHABLE, _TABLE_MAIN, _PROTO_STATIC, _DST = 7, 254, 4, 1
_LOCAL = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")


def loopback_up() -> None:
    """Bring the namespace's own loopback up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def close(networks: list[str]) -> None:
    """Make every one of these networks unreachable in this namespace; more specific routes still count."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.bind((0, 0))
        for number, text in enumerate(networks, 1):
            _add(link, number, ipaddress.ip_network(text))


def host_addresses() -> list[str]:
    """This machine's own addresses outside of loopback, as networks of one."""
    try:
        found = set(_LOCAL.findall(Path("/proc/net/fib_trie").read_text()))
    except OSError:
        found = set()
    return sorted(f"{address}/32" for address in found if not address.startswith("127."))


def _add(link: socket.socket, sequence: int, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    packed = network.network_address.packed
    route = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0, _TABLE_MAIN, _PROTO_STATIC, 0, _UNREACHABLE, 0)
    attribute = struct.pack("=HH", 4 + len(packed), _DST) + packed
    body = route + (attribute if network.prefixlen else b"")
    header = struct.pack("=IHHII", 16 + len(body), _NEWROUTE, _REQUEST | _ACK | _CREATE, sequence, 0)
    link.send(header + body)
    answer = link.recv(65536)
    error = -struct.unpack_from("=i", answer, 16)[0]
    if error and not (network.version == 6 and error in (95, 97, 93)):  # a kernel without IPv6 has no route to close
        raise OSError(error, f"no route for {network} can be set: {os.strerror(error)}")
