"""The agent's small parts: its signature, its configuration, the envelope, its journal."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from codeyard.agent import config as configuration
from codeyard.agent.client import CommandClient
from codeyard.agent.config import Config, ConfigError
from codeyard.agent.envelope import EnvelopeError, open_envelope
from codeyard.agent.journal import Entry, Journal, Result
from codeyard.agent.main import _payload
from tests.unit.agent.bridge import Bridge
from tests.unit.services.codedeploy.world import user_arn


@pytest.mark.parametrize(
    ("method", "target", "service", "body"),
    [
        ("POST", "/", "codedeploy-commands", b'{"HostIdentifier":"x"}'),
        ("GET", "/bucket/a%20b/%C3%A9~c.zip", "s3", b""),
        ("GET", "/bucket/key?versionId=a%2Bb", "s3", b""),
    ],
)
@pytest.mark.parametrize("token", ["", "session"])
def test_requests_are_signed_as_botocore_signs_them(
    tmp_path: Path, method: str, target: str, service: str, body: bytes, token: str
) -> None:
    keys = tmp_path / "keys.yml"
    keys.write_text(f"access_key_id: AK\nsecret_access_key: SK\nsession_token: '{token}'\n")
    client = CommandClient(Config("http://host:1", "us-east-1", "h", keys, tmp_path, ""))
    signed = client._signed(method, target, {}, body, service)
    request = AWSRequest(method, "http://host:1" + target, data=body)
    request.context["timestamp"] = signed["x-amz-date"]
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials("AK", "SK", token or None), service, "us-east-1"
    )
    for name in signed["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";"):
        request.headers[name] = signed[name]
    names = signer.headers_to_sign(request)
    canonical = "\n".join(
        (
            method,
            target.partition("?")[0],
            target.partition("?")[2],
            signer.canonical_headers(names) + "\n",
            signer.signed_headers(names),
            signed["x-amz-content-sha256"],
        )
    )
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    assert signed["authorization"].endswith(f"Signature={expected}")


def test_a_configuration_tells_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "agent.yml"
    for text, says in (
        ("- x", "not a YAML mapping"),
        ("a: [", "cannot be read"),
        ("endpoint: http://x", "signer_certificate is missing"),
        ("signer_certificate: none.pem", "names no file"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=says):
            configuration.load(path)
    (tmp_path / "s.pem").write_text("pem")
    whole = "endpoint: http://x/\nregion: r\nhost_identifier: h\nsigner_certificate: s.pem\n"
    path.write_text(whole)
    found = configuration.load(path)
    assert (found.endpoint, found.home, found.root_directory) == ("http://x", tmp_path, None)
    path.write_text(whole + "poll_seconds: -1\n")
    with pytest.raises(ConfigError, match="poll_seconds"):
        configuration.load(path)


def test_keys_are_not_shown() -> None:
    assert "SECRET" not in repr(configuration.Keys("AK", "SECRET", "SECRET"))


def test_keys_that_cannot_be_read_are_told_without_their_text(tmp_path: Path) -> None:
    path = tmp_path / "keys.yml"
    path.write_text("access_key_id: AK\nsecret_access_key: ''\n")
    with pytest.raises(ConfigError):
        configuration.read_keys(path)
    path.write_text("secret_access_key: [VERYSECRET\n")
    with pytest.raises(ConfigError) as caught:
        configuration.read_keys(path)
    assert "VERYSECRET" not in str(caught.value)


def envelope(bridge: Bridge) -> tuple[str, str]:
    bridge.world.create()
    command = bridge.world.poll("a")
    assert command is not None
    spec = bridge.world.host(
        "GetDeploymentSpecification",
        "a",
        DeploymentExecutionId=command["DeploymentExecutionId"],
        HostIdentifier=user_arn("a"),
    )
    pem = bridge.world.host("GetSigningCertificate", "a", HostIdentifier=user_arn("a"))["Certificate"]
    return spec["DeploymentSpecification"]["GenericEnvelope"]["Payload"], pem


def test_an_envelope_opens_with_the_pinned_certificate_and_with_openssl(bridge: Bridge, tmp_path: Path) -> None:
    payload, pem = envelope(bridge)
    content = open_envelope(payload, pem)
    (tmp_path / "e.pem").write_text(payload)
    command = ["openssl", "smime", "-verify", "-noverify", "-inform", "PEM", "-in", str(tmp_path / "e.pem")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == content


def test_an_envelope_that_was_changed_anywhere_does_not_open(bridge: Bridge) -> None:
    payload, pem = envelope(bridge)
    head, *lines, tail = payload.strip().split("\n")
    content = open_envelope(payload, pem)
    for index, line in enumerate(lines):
        at = len(line) // 2
        changed = ("A" if line[at] != "A" else "B").join((line[:at], line[at + 1 :]))
        broken = "\n".join([head, *lines[:index], changed, *lines[index + 1 :], tail])
        try:
            assert open_envelope(broken, pem) == content  # the certificate inside is not what is trusted
        except EnvelopeError:
            continue


@pytest.mark.parametrize("payload", ["", "x", "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "MIIB", "\x00"])
def test_what_is_no_envelope_is_refused(bridge: Bridge, payload: str) -> None:
    _, pem = envelope(bridge)
    with pytest.raises(EnvelopeError):
        open_envelope(payload, pem)


def test_a_journal_survives_and_tells_what_is_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    entry = journal.put(Entry("d-1", "Install", "c", "taken", {"a": 1}))
    journal.put(Entry("d-1", "BeforeInstall", "c", "told"))
    again = Journal(tmp_path)
    assert again.open_entries() == [entry]
    done = again.put(entry, state="done", result=Result(4, "s", "m", "l"))
    assert again.find("d-1", "Install") == done
    assert done.result is not None
    assert not done.result.ok
    (tmp_path / "d-1.Install.json").write_text("{")
    assert again.find("d-1", "Install") is None


def test_diagnostics_fit_the_protocols_limit() -> None:
    text = _payload(Result(4, "s" * 9000, "m" * 9000, "\x01" * 9000))
    assert len(text) <= 8192
    assert '"error_code": 4' in text
