"""Which certificate a connection is shown, and what is wrong with one that cannot be."""

from __future__ import annotations

import datetime
import logging
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from codeyard.edge import authority, own, tls
from codeyard.edge.authority import CertificateError
from codeyard.edge.certificates import Certificates
from tests.support.certificates import DAY, Company, shown

NAMES = ["localhost", "127.0.0.1", "::1", "yard.internal", *authority.aws_names("us-east-1")]
NONE = Path("/nonexistent")


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = datetime.datetime.now(datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.now


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company's CA."""
    return Company(tmp_path)


def with_own(folder: Path, company: Company, clock: Clock | None = None) -> Certificates:
    """Certificates with the company's one for code.example.com."""
    chain, key, _ = company.issue()
    return Certificates(folder, NAMES, own.Files(chain, key, company.ca), NONE, clock or Clock())


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "yard.internal",
        "127.0.0.1",
        "codepipeline.us-east-1.amazonaws.com",
        "bucket.s3.us-east-1.amazonaws.com",
        "bucket.s3.amazonaws.com",
        "sts.amazonaws.com",
        "codebuild.eu-central-1.amazonaws.com",
        "bucket.s3.eu-central-1.amazonaws.com",
        "a.dotted.bucket.s3.eu-central-1.amazonaws.com",
        "s3.dualstack.us-west-2.amazonaws.com",
        f"a.{'long-' * 11}bucket.s3.eu-central-1.amazonaws.com",
    ],
)
def test_our_ca_vouches_for_our_names_and_for_awss(tmp_path: Path, name: str) -> None:
    made = Certificates(tmp_path, NAMES, None, NONE, Clock())
    shown(made.context, name, made.verified_by)
    assert list(tmp_path.glob("leaf-*")) == [], "no key is left behind"


def test_names_of_others_are_not_vouched_for_whatever_the_ca_signs(tmp_path: Path) -> None:
    made = Certificates(tmp_path, NAMES, None, NONE, Clock())
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shown(made.context, "bank.example", made.verified_by)
    (tmp_path / "forged.pem").write_bytes(tls.issued(tmp_path, ["bank.example"], datetime.datetime.now(datetime.UTC)))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shown(tls.server_context(tmp_path / "forged.pem"), "bank.example", tmp_path / "ca.pem")


def test_where_none_can_be_made_the_connection_goes_on_with_the_standing_one_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = Certificates(tmp_path, NAMES, None, NONE, Clock())
    (tmp_path / "ca.key").unlink()
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shown(made.context, "codebuild.eu-west-1.amazonaws.com", made.verified_by)
    assert "no certificate could be made for codebuild.eu-west-1.amazonaws.com" in caplog.text
    shown(made.context, "localhost", made.verified_by)


def test_as_many_certificates_are_kept_as_there_is_room_for(tmp_path: Path) -> None:
    made = Certificates(tmp_path, NAMES, None, NONE, Clock())
    for number in range(70):
        made._context_for(f"x.zone-{number}.amazonaws.com")
    assert len(made._issued) == 64
    first = made._context_for("a.eu-west-1.amazonaws.com")
    assert made._context_for("b.eu-west-1.amazonaws.com") is first


def test_ones_own_certificate_is_shown_for_its_names_and_for_unknown_ones_and_ours_for_the_rest(
    tmp_path: Path, company: Company
) -> None:
    made = with_own(tmp_path, company)
    serial = x509.load_pem_x509_certificate((tmp_path / "chain.pem").read_bytes()).serial_number
    assert made.verified_by == tmp_path / "ca-bundle.pem"
    assert shown(made.context, "code.example.com", made.verified_by).serial_number == serial
    for name in ("localhost", "127.0.0.1", "sts.amazonaws.com", None):
        assert shown(made.context, name, made.verified_by).issuer.rfc4514_string() == "CN=Codeyard local CA"
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'other\.example\.com'"):
        shown(made.context, "other.example.com", made.verified_by)


def test_a_replaced_certificate_is_taken_up_and_a_broken_one_is_not(
    tmp_path: Path, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    made = with_own(tmp_path, company)
    _, _, serial = company.issue()
    made.look()
    assert shown(made.context, "code.example.com", made.verified_by).serial_number == serial
    (tmp_path / "chain.pem").write_text("rubbish")
    made.look()
    assert "the certificate stays as it was" in caplog.text
    assert "chain.pem holds no certificate" in caplog.text
    caplog.clear()
    made.look()
    assert caplog.text == "", "it is said once"
    assert shown(made.context, "code.example.com", made.verified_by).serial_number == serial
    (tmp_path / "chain.pem").unlink()
    made.look(force=True)
    assert "cannot be read: No such file" in caplog.text


def test_ours_is_renewed_before_its_end_while_the_server_runs(tmp_path: Path) -> None:
    clock = Clock()
    made = Certificates(tmp_path, NAMES, None, NONE, clock)
    first = shown(made.context, "localhost", made.verified_by)
    clock.now += 300 * DAY
    made.look()
    assert shown(made.context, "localhost", made.verified_by) == first
    clock.now = first.not_valid_after_utc - 29 * DAY
    made.look()
    second = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    assert second.not_valid_after_utc > first.not_valid_after_utc
    now = shown_whenever(made, "localhost")
    assert now == second


def shown_whenever(made: Certificates, name: str) -> x509.Certificate:
    """What is shown, whether it is valid today or only at the test's time."""
    client, at_client, at_server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO(), ssl.MemoryBIO()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    theirs = client.wrap_bio(at_client, at_server, server_hostname=name)
    ours = made.context.wrap_bio(at_server, at_client, server_side=True)
    for side in (theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return x509.load_der_x509_certificate(theirs.getpeercert(binary_form=True) or b"")


def test_a_certificate_that_nobody_here_can_verify_and_a_key_that_all_can_read_are_told(
    tmp_path: Path, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    chain, key, _ = company.issue()
    key.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        Certificates(tmp_path, NAMES, own.Files(chain, key), NONE, Clock())
    assert "name its CA with --tls-ca" in caplog.text
    assert "chain.key can be read by other users" in caplog.text
    caplog.clear()
    key.chmod(0o600)
    Certificates(tmp_path, NAMES, own.Files(chain, key, company.ca), NONE, Clock())
    assert caplog.text == ""


def test_the_key_may_lie_in_the_certificates_file(tmp_path: Path, company: Company) -> None:
    chain, key, _ = company.issue()
    chain.write_bytes(chain.read_bytes() + key.read_bytes())
    assert own.load(own.Files(chain, chain), datetime.datetime.now(datetime.UTC)).context


def _expired(company: Company) -> own.Files:
    return own.Files(*company.issue(start=-10, days=5)[:2])


def _early(company: Company) -> own.Files:
    return own.Files(*company.issue(start=5)[:2])


def _mismatched(company: Company) -> own.Files:
    chain, key, _ = company.issue()
    old = key.read_bytes()
    company.issue()
    key.write_bytes(old)
    return own.Files(chain, key)


def _locked(company: Company) -> own.Files:
    return own.Files(*company.issue(password=b"secret")[:2])


def _swapped(company: Company) -> own.Files:
    chain, key, _ = company.issue()
    return own.Files(key, chain)


def _keyless(company: Company) -> own.Files:
    chain, _, _ = company.issue()
    return own.Files(chain, chain)


def _missing(company: Company) -> own.Files:
    return own.Files(company.folder / "away.pem", company.folder / "away.key")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_expired, "chain.pem expired on"),
        (_early, "chain.pem is not valid before"),
        (_mismatched, "chain.key does not belong to the certificate of CN=code.example.com"),
        (_locked, "chain.key is locked by a password"),
        (_swapped, "chain.key holds no certificate"),
        (_keyless, "chain.pem holds no private key"),
        (_missing, "away.pem cannot be read: No such file or directory"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(company: Company, make: object, told: str) -> None:
    with pytest.raises(CertificateError, match=told):
        own.load(make(company), datetime.datetime.now(datetime.UTC))  # type: ignore[operator]
