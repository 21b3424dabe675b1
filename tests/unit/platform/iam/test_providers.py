"""OIDC providers, server and signing certificates: what they keep and refuse."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from codeyard.contract import AwsError
from tests.support.issuer import Issuer
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow

THUMBPRINT = "a" * 40
URL = "https://token.actions.example.com"


def refused(bench: Bench, operation: str, params: dict[str, Any] | None = None, **more: Any) -> AwsError:
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **more)
    return problem.value


def provider(bench: Bench, **more: Any) -> dict[str, str]:
    params = {"Url": URL, "ThumbprintList": [THUMBPRINT], **more}
    arn = bench.call("CreateOpenIDConnectProvider", params)["OpenIDConnectProviderArn"]
    return {"OpenIDConnectProviderArn": arn}


def test_a_provider_is_made_changed_listed_and_deleted(bench: Bench) -> None:
    one = provider(bench, ClientIDList=["a"], Tags=[{"Key": "k", "Value": "v"}])
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.example.com"
    assert one == {"OpenIDConnectProviderArn": arn}
    bench.call("AddClientIDToOpenIDConnectProvider", {**one, "ClientID": "b"})
    bench.call("AddClientIDToOpenIDConnectProvider", {**one, "ClientID": "b"})
    bench.call("RemoveClientIDFromOpenIDConnectProvider", {**one, "ClientID": "a"})
    bench.call("UpdateOpenIDConnectProviderThumbprint", {**one, "ThumbprintList": ["B" * 40]})
    bench.call("TagOpenIDConnectProvider", {**one, "Tags": [{"Key": "l", "Value": "w"}]})
    bench.call("UntagOpenIDConnectProvider", {**one, "TagKeys": ["k"]})
    found = bench.call("GetOpenIDConnectProvider", one)
    assert (found["Url"], found["ClientIDList"]) == ("token.actions.example.com", ["b"])
    assert found["ThumbprintList"] == ["b" * 40]
    assert found["Tags"] == bench.call("ListOpenIDConnectProviderTags", one)["Tags"] == [{"Key": "l", "Value": "w"}]
    assert bench.call("ListOpenIDConnectProviders")["OpenIDConnectProviderList"] == [{"Arn": arn}]
    assert refused(bench, "CreateOpenIDConnectProvider", {"Url": URL}).code == "EntityAlreadyExistsException"
    bench.call("DeleteOpenIDConnectProvider", one)
    bench.call("DeleteOpenIDConnectProvider", one)
    assert refused(bench, "GetOpenIDConnectProvider", one).code == "NoSuchEntityException"


@pytest.mark.parametrize("url", ["http://a.example.com", "https://", "https://a.example.com/?q=1", "https://u@a.com"])
def test_an_issuer_is_an_https_url_without_a_query(bench: Bench, url: str) -> None:
    problem = refused(bench, "CreateOpenIDConnectProvider", {"Url": url, "ThumbprintList": [THUMBPRINT]})
    assert problem.code == "ValidationError"


def test_quotas_of_providers_are_awss(bench: Bench) -> None:
    six = {"Url": URL, "ThumbprintList": [THUMBPRINT] * 6}
    assert refused(bench, "CreateOpenIDConnectProvider", six).code == "InvalidInputException"
    many = {"Url": URL, "ThumbprintList": [THUMBPRINT], "ClientIDList": [str(n) for n in range(101)]}
    problem = refused(bench, "CreateOpenIDConnectProvider", many)
    assert problem.message == "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"
    bad = {"Url": URL, "ThumbprintList": ["g" * 40]}
    assert refused(bench, "CreateOpenIDConnectProvider", bad).code == "InvalidInputException"


def test_without_a_thumbprint_the_issuers_own_is_taken(bench: Bench, issuer: Issuer) -> None:
    one = provider(bench, Url=issuer.url, ThumbprintList=[])
    assert bench.call("GetOpenIDConnectProvider", one)["ThumbprintList"] == [issuer.thumbprint]
    issuer.close()
    gone = {"Url": issuer.url + "/other"}
    assert refused(bench, "CreateOpenIDConnectProvider", gone).code == "OpenIdIdpCommunicationErrorException"


def test_a_provider_is_its_own_accounts_and_its_tags_count(bench: Bench) -> None:
    one = provider(bench, Tags=[{"Key": "team", "Value": "a"}])
    ann = bench.user("ann", allow("iam:Get*", Condition={"StringEquals": {"iam:ResourceTag/team": "a"}}))
    assert bench.call("GetOpenIDConnectProvider", one, by=ann)["Url"]
    other = bench.other_account()
    for operation in ("GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider"):
        assert refused(bench, operation, one, by=other).code == "AccessDenied"
    assert bench.call("GetOpenIDConnectProvider", one)["Url"]


def certificate(name: str = "host") -> tuple[str, str]:
    """(certificate, private key) in PEM."""
    now, key = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    made = builder.not_valid_after(now + datetime.timedelta(90)).sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), secret.decode()


def test_a_server_certificate_is_kept_without_its_private_key(bench: Bench) -> None:
    body, key = certificate()
    params = {"ServerCertificateName": "c", "CertificateBody": body, "PrivateKey": key, "CertificateChain": body}
    made = bench.call("UploadServerCertificate", {**params, "Path": "/x/"})["ServerCertificateMetadata"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:server-certificate/x/c"
    assert made["Expiration"] == datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)
    assert refused(bench, "UploadServerCertificate", params).code == "EntityAlreadyExistsException"
    named = {"ServerCertificateName": "c"}
    bench.call("TagServerCertificate", {**named, "Tags": [{"Key": "k", "Value": "v"}]})
    found = bench.call("GetServerCertificate", named)["ServerCertificate"]
    assert (found["CertificateBody"], found["CertificateChain"]) == (body, body)
    assert found["Tags"] == bench.call("ListServerCertificateTags", named)["Tags"]
    bench.call("UntagServerCertificate", {**named, "TagKeys": ["k"]})
    bench.call("UpdateServerCertificate", {**named, "NewServerCertificateName": "d", "NewPath": "/y/"})
    listed = bench.call("ListServerCertificates", {"PathPrefix": "/y/"})["ServerCertificateMetadataList"]
    assert [one["ServerCertificateName"] for one in listed] == ["d"]
    assert bench.call("GetAccountSummary")["SummaryMap"]["ServerCertificates"] == 1
    bench.call("DeleteServerCertificate", {"ServerCertificateName": "d"})
    assert refused(bench, "GetServerCertificate", named).code == "NoSuchEntityException"


def test_what_is_no_certificate_or_has_anothers_key_is_refused(bench: Bench) -> None:
    (body, key), (_, other) = certificate(), certificate("other")
    named = {"ServerCertificateName": "c", "CertificateBody": body, "PrivateKey": key}
    for broken in ({"CertificateBody": "x"}, {"PrivateKey": "x"}, {"CertificateChain": "x"}):
        problem = refused(bench, "UploadServerCertificate", {**named, **broken})
        assert problem.code == "MalformedCertificateException"
    assert refused(bench, "UploadServerCertificate", {**named, "PrivateKey": other}).code == "KeyPairMismatchException"


def test_a_user_has_two_signing_certificates_at_most(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "ann"})
    one, two, three = (certificate(name)[0] for name in "123")
    made = bench.call("UploadSigningCertificate", {"UserName": "ann", "CertificateBody": one})["Certificate"]
    again = {"UserName": "ann", "CertificateBody": one}
    assert refused(bench, "UploadSigningCertificate", again).code == "DuplicateCertificateException"
    bench.call("UploadSigningCertificate", {"UserName": "ann", "CertificateBody": two})
    problem = refused(bench, "UploadSigningCertificate", {"UserName": "ann", "CertificateBody": three})
    assert problem.message == "Cannot exceed quota for SigningCertificatesPerUser: 2"
    bad = {"UserName": "ann", "CertificateBody": "x"}
    assert refused(bench, "UploadSigningCertificate", bad).code == "MalformedCertificateException"
    named = {"UserName": "ann", "CertificateId": made["CertificateId"]}
    bench.call("UpdateSigningCertificate", {**named, "Status": "Inactive"})
    listed = bench.call("ListSigningCertificates", {"UserName": "ann"})["Certificates"]
    assert {one["CertificateId"]: one["Status"] for one in listed}[made["CertificateId"]] == "Inactive"
    assert refused(bench, "DeleteUser", {"UserName": "ann"}).code == "DeleteConflictException"
    bench.call("DeleteSigningCertificate", named)
    assert refused(bench, "DeleteSigningCertificate", named).code == "NoSuchEntityException"
