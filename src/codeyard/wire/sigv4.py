"""Signature Version 4, both sides: reading and verifying what a request was signed with, and signing our own.

docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from codeyard.contract import AwsError
from codeyard.wire.http import Head

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_S = 15 * 60
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_HEADER = re.compile(
    r"^AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([^/,]*)/([^/,]*)/aws4_request\s*,"
    r"\s*SignedHeaders=([^,\s]*)\s*,\s*Signature=([0-9a-fA-F]{64})\s*$"
)
_DATE = re.compile(r"^\d{8}T\d{6}Z$")
_SPACES = re.compile(r"\s+")
_MAY_BE_UNSIGNED = frozenset({"x-amz-content-sha256"})


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says of its signature."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    amz_date: str
    session_token: str
    presigned: bool
    expires: int
    payload_hash: str

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read(head: Head) -> Signed | None:
    """The request's signature, from its header or its query string; None where it is not signed by SigV4."""
    authorization = head.headers.get("authorization", "")
    if authorization.startswith(ALGORITHM):
        return _from_header(head, authorization)
    if "X-Amz-Signature=" in head.query or "X-Amz-Algorithm=" in head.query:
        return _from_query(head)
    return None


def _from_header(head: Head, authorization: str) -> Signed:
    match = _HEADER.match(authorization)
    if match is None:
        raise _incomplete("Authorization header requires Credential, SignedHeaders and Signature parameters.")
    access_key, date, region, service, names, signature = match.groups()
    return Signed(
        access_key,
        date,
        region,
        service,
        tuple(names.split(";")),
        signature.lower(),
        _date_of(head),
        head.headers.get("x-amz-security-token", ""),
        False,
        0,
        head.headers.get("x-amz-content-sha256", ""),
    )


def _from_query(head: Head) -> Signed:
    given = dict(parse_qsl(head.query, keep_blank_values=True))
    try:
        access_key, date, region, service, _ = given["X-Amz-Credential"].split("/")
        expires = int(given.get("X-Amz-Expires", ""))
        names, signature = given["X-Amz-SignedHeaders"], given["X-Amz-Signature"]
        amz_date = given["X-Amz-Date"]
    except (KeyError, ValueError):
        raise AwsError(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            status=400,
        ) from None
    if not 1 <= expires <= 604_800:
        raise AwsError(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be between 1 and 604800 seconds",
            status=400,
        )
    if not _DATE.match(amz_date):
        raise _incomplete("X-Amz-Date must be formatted as YYYYMMDD'T'HHMMSS'Z'.")
    token = given.get("X-Amz-Security-Token", "")
    payload = given.get("X-Amz-Content-Sha256", "")
    return Signed(
        access_key, date, region, service, tuple(names.split(";")), signature, amz_date, token, True, expires, payload
    )


def _date_of(head: Head) -> str:
    text = head.headers.get("x-amz-date", "")
    if _DATE.match(text):
        return text
    raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")


def _incomplete(message: str) -> AwsError:
    return AwsError("IncompleteSignature", message, status=403)


def verify(signed: Signed, secret: str, head: Head, now_us: int, *, dialect: str = "json") -> bytes:
    """Check signature, scope, date and what had to be signed; the signing key, for chunk signatures.

    `dialect` (s3, query, json) chooses the error names that the service's clients know.
    """
    _check_time(signed, now_us, dialect)
    _check_headers(signed, head, dialect)
    key = signing_key(secret, signed.date, signed.region, signed.service)
    expected = hmac.digest(key, string_to_sign(signed, head).encode(), "sha256").hex()
    if not hmac.compare_digest(expected, signed.signature):
        raise _mismatch(dialect)
    return key


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key derived for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def string_to_sign(signed: Signed, head: Head) -> str:
    """What the signature is made over."""
    digest = hashlib.sha256(canonical_request(signed, head).encode()).hexdigest()
    return f"{ALGORITHM}\n{signed.amz_date}\n{signed.scope}\n{digest}"


def canonical_request(signed: Signed, head: Head, *, normalize: bool | None = None) -> str:
    """The canonical request: S3's path as sent, every other service's path normalized and encoded once more."""
    plain = signed.service == "s3" if normalize is None else not normalize
    path = (head.path or "/") if plain else quote(_normal_path(head.path), safe="/-_.~")
    query = _canonical_query(head.query, signed.presigned)
    headers = "".join(f"{n}:{_SPACES.sub(' ', head.headers.get(n, '')).strip()}\n" for n in signed.signed_headers)
    payload = signed.payload_hash
    if not payload:
        payload = "UNSIGNED-PAYLOAD" if signed.presigned and signed.service == "s3" else EMPTY_SHA256
    return "\n".join((head.method, path, query, headers, ";".join(signed.signed_headers), payload))


def _normal_path(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    slash = "/" if path.endswith("/") and parts else ""
    return f"/{'/'.join(parts)}{slash}"


def _canonical_query(query: str, presigned: bool) -> str:
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if part and not (presigned and key == "X-Amz-Signature"):
            pairs.append((quote(unquote(key), safe="-_.~"), quote(unquote(value.replace("+", " ")), safe="-_.~")))
    return "&".join(f"{k}={v}" for k, v in sorted(pairs))


def _check_time(signed: Signed, now_us: int, dialect: str) -> None:
    if not signed.amz_date.startswith(signed.date):
        raise _mismatch(
            dialect, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
        )
    try:
        moment = datetime.datetime.strptime(signed.amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise _incomplete("The date is not a valid time.") from None
    age = now_us / 1_000_000 - moment.timestamp()
    if signed.presigned:
        if age > signed.expires:
            raise AwsError("AccessDenied", "Request has expired", status=403)
        if age < -SKEW_S:
            raise AwsError("AccessDenied", "Request is not valid yet", status=403)
    elif abs(age) > SKEW_S:
        raise _skewed(signed, age, dialect)


def _skewed(signed: Signed, age: float, dialect: str) -> AwsError:
    if dialect == "s3":
        return AwsError(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            status=403,
        )
    word = "expired" if age > 0 else "not yet current"
    code = "SignatureDoesNotMatch" if dialect == "query" else "InvalidSignatureException"
    return AwsError(code, f"Signature {word}: {signed.amz_date} is not within 15 min. of the server's time", status=403)


def _check_headers(signed: Signed, head: Head, dialect: str) -> None:
    names = set(signed.signed_headers)
    if "host" not in names:
        raise _mismatch(dialect, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    for name in head.headers:
        if name.startswith("x-amz-") and name not in names and name not in _MAY_BE_UNSIGNED:
            raise AwsError(
                "AccessDenied" if dialect == "s3" else "InvalidSignatureException",
                f"There were headers present in the request which were not signed: {name}",
                status=403,
            )
    if "x-amz-content-sha256" in head.headers and not signed.presigned and "x-amz-content-sha256" not in names:
        # The hash is part of the canonical request whether or not the header is signed.
        return


def _mismatch(dialect: str, message: str = "") -> AwsError:
    code = "SignatureDoesNotMatch" if dialect in ("s3", "query") else "InvalidSignatureException"
    said = message or (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )
    return AwsError(code, said, status=403)


def split_git_username(username: str) -> tuple[str, str]:
    """Access key id and session token of a Git user name that the credential helpers make."""
    access_key, _, token = username.partition("%")
    return access_key, token


def verify_git(
    username: str, password: str, secret: str, path: str, hosts: Iterable[str], region: str, now_us: int
) -> bool:
    """Whether the password is a signature by `secret` over this repository's path and one of the hosts.

    The scheme of `aws codecommit credential-helper` and git-remote-codecommit: 15 characters of time, "Z", the
    signature. One signs the host with its port, the other without: try both.
    """
    if len(password) != 80 or password[15] != "Z":
        return False
    time, signature = password[:15], password[16:]
    try:
        moment = datetime.datetime.strptime(time, "%Y%m%dT%H%M%S").replace(tzinfo=datetime.UTC)
    except ValueError:
        return False
    if abs(now_us / 1_000_000 - moment.timestamp()) > SKEW_S:
        return False
    key = signing_key(secret, time[:8], region, "codecommit")
    scope = f"{time[:8]}/{region}/codecommit/aws4_request"
    good = False
    for host in hosts:
        request = f"GIT\n{path}\n\nhost:{host}\n\nhost\n"
        text = f"{ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        good |= hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
    return good


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    access_key: str,
    secret: str,
    token: str = "",
    region: str,
    service: str,
    now_us: int,
    payload_hash: str = "",
) -> dict[str, str]:
    """The headers of a signed request: those given, host, date, hash, token and Authorization."""
    parts = urlsplit(url)
    moment = datetime.datetime.fromtimestamp(now_us / 1_000_000, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    all_headers = {k.lower(): v for k, v in headers.items()}
    all_headers["host"] = parts.netloc
    all_headers["x-amz-date"] = moment
    all_headers["x-amz-content-sha256"] = payload_hash or hashlib.sha256(body).hexdigest()
    if token:
        all_headers["x-amz-security-token"] = token
    names = tuple(sorted(all_headers))
    hashed = all_headers["x-amz-content-sha256"]
    signed = Signed(access_key, moment[:8], region, service, names, "", moment, token, False, 0, hashed)
    head = Head(method, parts.path or "/", parts.query, all_headers, parts.scheme)
    key = signing_key(secret, signed.date, region, service)
    signature = hmac.digest(key, string_to_sign(signed, head).encode(), "sha256").hex()
    credential = f"Credential={access_key}/{signed.scope}"
    all_headers["authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return all_headers
