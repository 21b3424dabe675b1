"""Refusals decoded, and tokens that the account signs for the outside."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from codeyard.contract import AwsError, Check, Principal
from codeyard.platform.iam import jwt
from codeyard.platform.iam.outbound import PATH
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, deny


def refused(bench: Bench, operation: str, params: dict[str, Any], **more: Any) -> AwsError:
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **{"service": "sts", **more})
    return problem.value


def test_a_refusal_is_decoded_with_who_what_and_which_statement(bench: Bench) -> None:
    ann = bench.user("ann", deny("s3:Put*", Sid="NoPut"), allow("s3:*"))
    decision = bench.may(ann, "s3:PutObject", "arn:aws:s3:::b/k")
    found = bench.call("DecodeAuthorizationMessage", {"EncodedMessage": decision.encoded}, service="sts")
    told = json.loads(found["DecodedMessage"])
    assert (told["allowed"], told["explicitDeny"]) == (False, True)
    assert ("NoPut", "DENY") in [(one["statementId"], one["effect"]) for one in told["matchedStatements"]["items"]]
    assert told["context"]["principal"] == {"id": ann.principal_id, "name": "ann", "arn": ann.arn}
    assert (told["context"]["action"], told["context"]["resource"]) == ("s3:PutObject", "arn:aws:s3:::b/k")
    keys = {one["key"] for one in told["context"]["conditions"]["items"]}
    assert {"aws:username", "aws:requestedregion"} <= keys


def test_only_the_accounts_own_messages_are_decoded(bench: Bench) -> None:
    ann = bench.user("ann")
    encoded = {"EncodedMessage": bench.may(ann, "s3:PutObject").encoded}
    for params, by in ((encoded, bench.other_account()), ({"EncodedMessage": "nonsense"}, None)):
        problem = refused(bench, "DecodeAuthorizationMessage", params, by=by)
        assert problem.code == "InvalidAuthorizationMessageException"
    assert refused(bench, "DecodeAuthorizationMessage", encoded, by=ann).code == "AccessDenied"


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_token_for_the_outside_is_proven_by_the_issuers_pages(bench: Bench, algorithm: str) -> None:
    issuer = bench.call("EnableOutboundWebIdentityFederation")["IssuerIdentifier"]
    ann = bench.user("ann", allow("sts:GetWebIdentityToken"))
    asked = {"Audience": ["https://x"], "SigningAlgorithm": algorithm}
    token = jwt.read(bench.call("GetWebIdentityToken", asked, by=ann, service="sts")["WebIdentityToken"])
    assert token is not None
    assert (token.claims["iss"], token.claims["aud"], token.claims["sub"]) == (issuer, "https://x", ann.arn)
    assert token.claims["https://sts.amazonaws.com/"]["aws_account"] == ACCOUNT
    assert token.claims["exp"] - token.claims["iat"] == 300
    base = PATH + issuer.partition(PATH)[2]
    page = bench.door.outbound.page(f"{base}/.well-known/openid-configuration")
    assert page is not None
    told = json.loads(page[1])
    assert told["issuer"] == issuer
    keys = bench.door.outbound.page(PATH + told["jwks_uri"].partition(PATH)[2])
    assert keys is not None
    key = next(one for one in json.loads(keys[1])["keys"] if one["kid"] == token.key_id)
    assert jwt.is_signed_by(token, key)
    assert "d" not in key
    assert bench.door.outbound.page(f"{PATH}nobody/.well-known/jwks.json") is None


def test_tokens_are_signed_while_the_account_wants_it_and_the_issuer_stays(bench: Bench) -> None:
    asked = {"Audience": ["x"], "SigningAlgorithm": "RS256"}
    assert refused(bench, "GetWebIdentityToken", asked).code == "OutboundWebIdentityFederationDisabledException"
    off = ("GetOutboundWebIdentityFederationInfo", "DisableOutboundWebIdentityFederation")
    for operation in off:
        assert refused(bench, operation, {}, service="iam").code == "FeatureDisabledException"
    issuer = bench.call("EnableOutboundWebIdentityFederation")["IssuerIdentifier"]
    again = refused(bench, "EnableOutboundWebIdentityFederation", {}, service="iam")
    assert again.code == "FeatureEnabledException"
    info = bench.call("GetOutboundWebIdentityFederationInfo")
    assert info == {"IssuerIdentifier": issuer, "JwtVendingEnabled": True}
    bench.call("DisableOutboundWebIdentityFederation")
    assert refused(bench, "GetWebIdentityToken", asked).code == "OutboundWebIdentityFederationDisabledException"
    assert bench.call("EnableOutboundWebIdentityFederation")["IssuerIdentifier"] == issuer


def test_a_token_does_not_outlive_its_session_and_its_keys_count(bench: Bench) -> None:
    bench.call("EnableOutboundWebIdentityFederation")
    ann = bench.user("ann")
    role = bench.role("r", {"Principal": {"AWS": ann.arn}}, allow("sts:*"))
    session = bench.assume(role, by=ann, DurationSeconds=900)
    long = {"Audience": ["x"], "SigningAlgorithm": "RS256", "DurationSeconds": 901}
    assert refused(bench, "GetWebIdentityToken", long, by=session).code == "SessionDurationEscalationException"
    weak = {"Audience": ["x"], "SigningAlgorithm": "HS256"}
    assert refused(bench, "GetWebIdentityToken", weak, by=session).code == "ValidationError"
    only = {"ForAllValues:StringEquals": {"sts:IdentityTokenAudience": "https://ours"}}
    bob: Principal = bench.user("bob", allow("sts:GetWebIdentityToken", Condition=only))
    ours = {"Audience": ["https://ours"], "SigningAlgorithm": "ES384"}
    assert bench.call("GetWebIdentityToken", ours, by=bob, service="sts")["WebIdentityToken"]
    assert refused(bench, "GetWebIdentityToken", {**ours, "Audience": ["x"]}, by=bob).code == "AccessDenied"
    tagged = {**ours, "Tags": [{"Key": "k", "Value": "v"}]}
    assert refused(bench, "GetWebIdentityToken", tagged, by=bob).code == "AccessDenied"


def test_the_keys_of_an_issuer_are_sealed(bench: Bench) -> None:
    bench.call("EnableOutboundWebIdentityFederation")
    setting = bench.door.outbound.setting(ACCOUNT)
    assert setting is not None
    with pytest.raises(ValueError, match=r"(?i)pars|deserialize|invalid"):
        load_der_private_key(base64.b64decode(setting["keys"]["RS256"]), None)


def test_a_refusal_brings_its_encoded_message_to_the_trail(bench: Bench) -> None:
    ann = bench.user("ann")
    told = bench.door.authorize(ann, [Check("s3:PutObject", "*")], {})
    assert told.encoded
    assert "Encoded" not in told.message
