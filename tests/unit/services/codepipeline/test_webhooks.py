"""Webhooks, as tables: which paths and authentications are sound, which requests and events pass."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeyard.contract import AwsError
from codeyard.services.codepipeline.model import webhooks

EVENT: dict[str, Any] = {
    "ref": "refs/heads/main",
    "forced": False,
    "size": 2,
    "none": None,
    "repository": {"full name": "a/b", "topics": ["x", "y"]},
    "commits": [{"id": "1"}, {"id": "2"}],
}
SOURCE = {"BranchName": "main", "OAuthToken": "\x01sealed:abc"}


@pytest.mark.parametrize(
    ("path", "wanted", "expected"),
    [
        ("$.ref", "refs/heads/main", True),
        ("$.ref", "refs/heads/{BranchName}", True),
        ("$.ref", "refs/heads/{Branch}", False),
        ("$.ref", "{OAuthToken}", False),
        ("$['ref']", "refs/heads/main", True),
        ('$["repository"]["full name"]', "a/b", True),
        ("$.repository.topics[1]", "y", True),
        ("$.repository.topics[2]", "y", False),
        ("$.repository.topics[*]", "x", True),
        ("$.commits[*].id", "2", True),
        ("$.commits[*].id", "3", False),
        ("$.repository.*", "a/b", True),
        ("$.forced", "false", True),
        ("$.forced", "False", False),
        ("$.size", "2", True),
        ("$.none", "null", True),
        ("$.ref", None, True),
        ("$.missing", None, False),
        ("$.ref.deeper", None, False),
        ("$.commits[0]", '{"id": "1"}', True),
    ],
)
def test_a_filter_compares_what_its_path_selects(path: str, wanted: str | None, expected: bool) -> None:
    rule = {"jsonPath": path} | ({"matchEquals": wanted} if wanted is not None else {})
    assert webhooks.matches([rule], EVENT, SOURCE) is expected


def test_every_filter_must_pass() -> None:
    passes, fails = {"jsonPath": "$.ref"}, {"jsonPath": "$.missing"}
    assert webhooks.matches([], EVENT, {})
    assert not webhooks.matches([passes, fails], EVENT, {})


@pytest.mark.parametrize("path", ["", "ref", "$.", "$..ref", "$[?(@.a)]", "$.a[", "$.a b", "$[1", "$.a[-1]", "@.a"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(AwsError) as caught:
        webhooks.check(_webhook([{"jsonPath": path}]))
    assert caught.value.code == "InvalidWebhookFilterPatternException"


@given(st.text("$.[]'\"*?@(){}ab01 \\", max_size=150))
def test_no_path_breaks_the_check_and_a_sound_one_can_be_judged_by(path: str) -> None:
    try:
        webhooks.check(_webhook([{"jsonPath": path}]))
    except AwsError:
        return
    assert webhooks.matches([{"jsonPath": path}], EVENT, {}) in (True, False)


@pytest.mark.parametrize(
    ("kind", "given", "sound"),
    [
        ("GITHUB_HMAC", {"SecretToken": "s"}, True),
        ("GITHUB_HMAC", {}, False),
        ("GITHUB_HMAC", {"SecretToken": "s", "AllowedIPRange": "10.0.0.0/8"}, False),
        ("IP", {"AllowedIPRange": "10.0.0.0/8"}, True),
        ("IP", {"AllowedIPRange": "2001:db8::/32"}, True),
        ("IP", {"AllowedIPRange": "10.0.0.1"}, True),
        ("IP", {"AllowedIPRange": "ten"}, False),
        ("IP", {}, False),
        ("UNAUTHENTICATED", {}, True),
        ("UNAUTHENTICATED", {"SecretToken": "s"}, False),
    ],
)
def test_an_authentication_takes_its_own_configuration_and_no_other(
    kind: str, given: dict[str, str], sound: bool
) -> None:
    asked = _webhook([], authentication=kind, authenticationConfiguration=given)
    if sound:
        webhooks.check(asked)
        return
    with pytest.raises(AwsError) as caught:
        webhooks.check(asked)
    assert caught.value.code == "InvalidWebhookAuthenticationParametersException"


def _sign(algorithm: str, secret: str, body: bytes) -> str:
    return f"{algorithm}={hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()}"


BODY = json.dumps(EVENT).encode()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-hub-signature": _sign("sha1", "s", BODY)}, True),
        ({"x-hub-signature-256": _sign("sha256", "s", BODY)}, True),
        ({"x-hub-signature-256": _sign("sha256", "s", BODY), "x-hub-signature": "sha1=0"}, True),
        ({"x-hub-signature-256": "sha256=0", "x-hub-signature": _sign("sha1", "s", BODY)}, False),
        ({"x-hub-signature-256": _sign("sha256", "t", BODY)}, False),
        ({"x-hub-signature-256": _sign("sha256", "s", BODY + b" ")}, False),
        ({"x-hub-signature-256": _sign("sha1", "s", BODY)}, False),
        ({"x-hub-signature": ""}, False),
        ({"x-hub-signature": "\udcff\xff"}, False),
        ({}, False),
    ],
)
def test_a_signature_is_by_the_secret_over_the_body(headers: dict[str, str], expected: bool) -> None:
    webhook = {"authentication": "GITHUB_HMAC", "authenticationConfiguration": {"SecretToken": "****"}}
    assert webhooks.is_from(webhook, "s", BODY, headers, "203.0.113.9") is expected


@pytest.mark.parametrize(
    ("network", "address", "expected"),
    [
        ("10.0.0.0/8", "10.9.8.7", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::1", False),
        ("2001:db8::/32", "2001:db8::5", True),
    ],
)
def test_an_address_is_of_the_range(network: str, address: str, expected: bool) -> None:
    webhook = {"authentication": "IP", "authenticationConfiguration": {"AllowedIPRange": network}}
    assert webhooks.is_from(webhook, "", b"", {}, address) is expected


def _webhook(filters: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    open_to_all = {"authentication": "UNAUTHENTICATED", "authenticationConfiguration": {}}
    return {"filters": filters, **open_to_all, **more}
