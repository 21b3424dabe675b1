"""A server with a certificate of a company's CA, on the wire: its clients, its renewal, and TLS that is too old."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from codeyard.cli.endpoint import client, read_endpoint
from tests.crash.support import wait_until
from tests.scenarios.test_beyond_loopback import HOST, codeyard
from tests.support.certificates import Company

NAME = "code.example.com"


@dataclass
class Running:
    """The server, the company whose certificate it shows, and what it said."""

    company: Company
    process: subprocess.Popen[bytes]
    log: Path
    found: dict[str, Any]

    @property
    def port(self) -> int:
        return int(self.found["endpoint"].rpartition(":")[2])

    def connect(self) -> ssl.SSLSocket:
        """A connection of a client that knows the company's CA alone."""
        trusted = ssl.create_default_context(cafile=str(self.company.ca))
        line = socket.create_connection((HOST, self.port), timeout=60)
        return trusted.wrap_socket(line, server_hostname=NAME)

    def serial(self) -> int:
        """The serial number of the certificate that a new connection is shown."""
        with self.connect() as line:
            return x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"").serial_number


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the module."""
    folder = tmp_path_factory.mktemp("own")
    company, log, data = Company(folder), folder / "log", folder / "data"
    chain, key, _ = company.issue()
    files = ("--tls-cert", str(chain), "--tls-key", str(key), "--tls-ca", str(company.ca))
    with log.open("wb") as told:
        command = codeyard("serve", "--data", str(data), "--host", HOST, "--port", "0", "--no-runner", *files)
        process = subprocess.Popen(command, stderr=told)
    try:
        wait_until("the server serves", lambda: process.poll() is not None or (data / "endpoint.json").exists())
        yield Running(company, process, log, read_endpoint(data))
    finally:
        process.terminate()
        process.wait(20)


def test_by_its_name_and_by_its_address_it_is_verified_by_what_endpoint_json_names(running: Running) -> None:
    assert client(running.found, "sts").get_caller_identity()["Account"] == running.found["account"]
    trusted = ssl.create_default_context(cafile=running.found["ca"])
    with (
        socket.create_connection((HOST, running.port), timeout=60) as line,
        trusted.wrap_socket(line, server_hostname=NAME) as spoken,
    ):
        issuer = x509.load_der_x509_certificate(spoken.getpeercert(binary_form=True) or b"").issuer
    assert issuer.rfc4514_string() == "CN=Company CA"


def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(running: Running) -> None:
    old = http.client.HTTPConnection(HOST, running.port)
    old.sock = running.connect()
    _, _, serial = running.company.issue()
    wait_until("the new certificate is shown", lambda: running.serial() == serial)
    old.request("GET", "/healthz")
    assert old.getresponse().read() == b"ok\n"
    old.close()


def test_a_broken_file_changes_nothing_and_is_told_in_the_log_also_at_sighup(running: Running) -> None:
    chain, _, serial = running.company.issue()
    wait_until("the new certificate is shown", lambda: running.serial() == serial)
    chain.write_text("no certificate")
    told = "the certificate stays as it was"
    wait_until("the log tells it", lambda: told in running.log.read_text())
    before = running.log.read_text().count(told)
    running.process.send_signal(signal.SIGHUP)
    wait_until("SIGHUP looks again", lambda: running.log.read_text().count(told) > before)
    assert running.serial() == serial
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)],
)
def test_what_is_older_than_tls_1_2_is_refused(running: Running, version: ssl.TLSVersion, spoken: bool) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")  # or this client's own library would not say so little
    with pytest.warns(DeprecationWarning, match="TLSv1") if not spoken else nullcontext():
        old.minimum_version = old.maximum_version = version
    with socket.create_connection((HOST, running.port), timeout=60) as line:
        if spoken:
            with old.wrap_socket(line, server_hostname=NAME) as secure:
                assert secure.version() == "TLSv1.2"
                assert "GCM" in str(secure.cipher()) or "CHACHA20" in str(secure.cipher())
        else:
            with pytest.raises(ssl.SSLError, match=r"(?i)unexpected.eof|protocol.version"):
                old.wrap_socket(line, server_hostname=NAME)


def test_a_certificate_that_cannot_be_shown_stops_the_start_with_the_reason(tmp_path: Path) -> None:
    company = Company(tmp_path)
    chain, key, _ = company.issue(start=-10, days=5)
    files = ("--tls-cert", str(chain), "--tls-key", str(key))
    done = subprocess.run(codeyard("serve", "--data", str(tmp_path / "d"), *files), capture_output=True, text=True)
    assert (done.returncode, "expired on" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert not (tmp_path / "d").exists(), "nothing is made before"
