"""AssumeRoleWithWebIdentity: whose tokens are believed, what they say to policies, and how they are refused."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from codeyard.contract import ANONYMOUS, AwsError, Principal
from tests.support.issuer import Issuer
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow

OBJECT = "arn:aws:s3:::b/k"
AUDIENCE = "sts.amazonaws.com"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


class Federation:
    """A provider for the issuer in the bench's account, and roles that trust it."""

    def __init__(self, bench: Bench, issuer: Issuer, **provider: Any) -> None:
        self.bench, self.issuer = bench, issuer
        wanted = {"Url": issuer.url, "ClientIDList": [AUDIENCE], "ThumbprintList": [issuer.thumbprint], **provider}
        self.arn = bench.call("CreateOpenIDConnectProvider", wanted)["OpenIDConnectProviderArn"]
        self.key = issuer.url.removeprefix("https://")

    def role(self, name: str = "r", actions: Any = None, **condition: Any) -> str:
        trust = {"Principal": {"Federated": self.arn}, "Action": actions or "sts:AssumeRoleWithWebIdentity"}
        if condition:
            trust["Condition"] = {"StringEquals": {f"{self.key}:{name}": value for name, value in condition.items()}}
        return self.bench.role(name, trust, allow("s3:GetObject"))

    def token(self, **claims: Any) -> str:
        return self.issuer.token(now=self.bench.clock.now() / 1_000_000, **claims)

    def assume(self, role: str, token: str, **more: Any) -> dict[str, Any]:
        params = {"RoleArn": role, "RoleSessionName": "ci", "WebIdentityToken": token, **more}
        client = self.bench.gateway.client(ANONYMOUS, "", "us-east-1")
        return dict(client.call("sts", "AssumeRoleWithWebIdentity", params))

    def refused(self, role: str, token: str, **more: Any) -> AwsError:
        with pytest.raises(AwsError) as problem:
            self.assume(role, token, **more)
        return problem.value


@pytest.fixture
def federation(bench: Bench, issuer: Issuer) -> Federation:
    return Federation(bench, issuer)


@pytest.mark.parametrize("key_id", ["rsa", "ec"])
def test_the_bearer_of_a_providers_token_gets_the_roles_keys(bench: Bench, federation: Federation, key_id: str) -> None:
    role = federation.role(sub="repo:ours", aud=AUDIENCE)
    answer = federation.assume(role, federation.token(key_id=key_id))
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"]) == ("repo:ours", AUDIENCE)
    assert answer["Provider"] == federation.arn
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/ci"
    session = bench.session(answer["Credentials"])
    assert bench.may(session, "s3:GetObject", OBJECT).allowed
    assert not bench.may(session, "s3:PutObject", OBJECT).allowed


def test_a_trust_policy_that_wants_another_subject_or_provider_refuses(bench: Bench, federation: Federation) -> None:
    other = federation.role("other", sub="repo:theirs")
    problem = federation.refused(other, federation.token())
    assert (problem.code, problem.message) == (
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )
    everyone = bench.role("all", {"Principal": {"AWS": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"})
    assert federation.refused(everyone, federation.token()).code == "AccessDenied"
    assert federation.refused(other + "x", federation.token()).code == "AccessDenied"


def test_every_claim_is_a_condition_key_of_the_issuer(bench: Bench, federation: Federation) -> None:
    claims = {"repository_id": 42, "ref_protected": True, "amr": ["mfa", "pwd"], "ref": "refs/heads/main"}
    condition = {
        "StringEquals": {f"{federation.key}:repository_id": "42", f"{federation.key}:ref": "refs/heads/main"},
        "Bool": {f"{federation.key}:ref_protected": "true"},
        "ForAnyValue:StringLike": {f"{federation.key}:amr": "mf*"},
    }
    trust = {"Principal": {"Federated": federation.arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    role = bench.role("r", {**trust, "Condition": condition})
    federation.assume(role, federation.token(**claims))
    assert federation.refused(role, federation.token(**{**claims, "amr": ["pwd"]})).code == "AccessDenied"


def test_the_party_that_the_token_was_given_to_is_its_audience(bench: Bench, federation: Federation) -> None:
    role = federation.role(aud=AUDIENCE)
    assert federation.assume(role, federation.token(aud="app", azp=AUDIENCE))["Audience"] == AUDIENCE
    problem = federation.refused(role, federation.token(aud=AUDIENCE, azp="app"))
    assert (problem.code, problem.message) == ("InvalidIdentityTokenException", "Incorrect token audience")
    assert federation.assume(role, federation.token(aud=["x", AUDIENCE]))["Audience"] == AUDIENCE


def test_an_expired_token_says_so(bench: Bench, federation: Federation) -> None:
    role, token = federation.role(), federation.token()
    federation.assume(role, token)
    bench.clock.advance(306)
    problem = federation.refused(role, token)
    assert problem.code == "ExpiredTokenException"
    assert problem.message.startswith("Token expired: current date/time ")


@pytest.mark.parametrize(
    "claims",
    [{"exp": None}, {"iat": None}, {"sub": None}, {"aud": "other"}, {"nbf": 9_999_999_999}, {"iss": "https://else/"}],
)
def test_a_token_that_lacks_what_counts_is_invalid(federation: Federation, claims: dict[str, Any]) -> None:
    problem = federation.refused(federation.role(), federation.token(**claims))
    assert problem.code == "InvalidIdentityTokenException"


def test_a_token_that_another_key_signed_or_that_was_changed_is_invalid(federation: Federation) -> None:
    role, stranger = federation.role(), rsa.generate_private_key(65537, 2048)
    assert federation.refused(role, federation.token(signed_by=stranger)).code == "InvalidIdentityTokenException"
    head, body, signature = federation.token().split(".")
    other = federation.token(sub="repo:theirs").split(".")[1]
    assert federation.refused(role, f"{head}.{other}.{signature}").code == "InvalidIdentityTokenException"
    assert federation.refused(role, "no token at all").code == "InvalidIdentityTokenException"
    public = federation.issuer.keys["rsa"][0].public_key()
    shared = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = _encoded(b'{"alg":"HS256","kid":"rsa"}')
    signed = f"{head}.{body}"
    by_public_key = _encoded(hmac.digest(shared, signed.encode(), "sha256"))
    assert federation.refused(role, f"{signed}.{by_public_key}").code == "InvalidIdentityTokenException"
    unsigned = "eyJhbGciOiJub25lIiwia2lkIjoicnNhIn0"
    assert federation.refused(role, f"{unsigned}.{body}.").code == "InvalidIdentityTokenException"


def test_the_issuers_certificate_must_lead_to_a_thumbprint_or_to_a_known_ca(
    bench: Bench, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = Federation(bench, issuer, ThumbprintList=["0" * 40])
    role = federation.role()
    problem = federation.refused(role, federation.token())
    assert problem.code == "InvalidIdentityTokenException"
    assert problem.message == "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
    assert issuer.asked == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(issuer.ca_pem))
    bench.clock.advance(31)
    federation.assume(role, federation.token())


def test_keys_are_kept_and_asked_for_again_when_one_is_new(bench: Bench, federation: Federation) -> None:
    role = federation.role()
    for _ in range(3):
        federation.assume(role, federation.token())
    assert federation.issuer.asked == 2
    federation.issuer.rotate("newer")
    assert federation.refused(role, federation.token(key_id="newer")).code == "InvalidIdentityTokenException"
    bench.clock.advance(31)
    federation.assume(role, federation.token(key_id="newer"))
    assert federation.issuer.asked == 4


def test_an_issuer_that_does_not_answer_is_a_communication_error(federation: Federation) -> None:
    federation.issuer.broken = True
    problem = federation.refused(federation.role(), federation.token())
    assert problem.code == "IDPCommunicationErrorException"


def test_a_tokens_tags_and_source_identity_go_into_the_session(bench: Bench, federation: Federation) -> None:
    both = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
    told = {
        "https://aws.amazon.com/tags": {"principal_tags": {"team": ["a"]}, "transitive_tag_keys": ["team"]},
        "https://aws.amazon.com/source_identity": "ann",
    }
    answer = federation.assume(federation.role(actions=both), federation.token(**told))
    session = bench.session(answer["Credentials"])
    assert answer["SourceIdentity"] == session.source_identity == "ann"
    assert session.tags == (("team", "a"),)
    silent = federation.role("silent")
    assert federation.refused(silent, federation.token(**told)).code == "AccessDenied"


def test_a_session_policy_narrows_and_the_duration_is_bounded(bench: Bench, federation: Federation) -> None:
    role = federation.role()
    nothing = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]}'
    answer = federation.assume(role, federation.token(), Policy=nothing)
    assert not bench.may(bench.session(answer["Credentials"]), "s3:GetObject", OBJECT).allowed
    assert answer["PackedPolicySize"] > 0
    assert federation.refused(role, federation.token(), DurationSeconds=3601).code == "ValidationError"


def test_the_provider_of_a_session_is_a_condition_key_afterwards(bench: Bench, federation: Federation) -> None:
    condition = {"StringEquals": {"aws:FederatedProvider": federation.arn}}
    trust = {"Principal": {"Federated": federation.arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    role = bench.role("r", trust, allow("s3:*", Condition=condition))
    session = bench.session(federation.assume(role, federation.token())["Credentials"])
    assert bench.may(session, "s3:GetObject", OBJECT).allowed


def test_another_accounts_provider_does_not_count(bench: Bench, federation: Federation) -> None:
    other = bench.other_account()
    trust = {"Principal": {"Federated": federation.arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    role = bench.role("r", trust, by=other)
    problem = federation.refused(role, federation.token())
    assert problem.message == f"No OpenIDConnect provider found in your account for {federation.issuer.url}"


def test_who_signs_the_call_does_not_matter(bench: Bench, federation: Federation) -> None:
    user: Principal = bench.user("ann")
    params = {"RoleArn": federation.role(), "RoleSessionName": "ci", "WebIdentityToken": federation.token()}
    assert bench.call("AssumeRoleWithWebIdentity", params, by=user, service="sts")["Audience"] == AUDIENCE
