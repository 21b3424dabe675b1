"""Signature Version 4: reading, verifying and making it; and the variant that git's credential helpers use.

A body whose hash is not declared in x-amz-content-sha256 is part of the signature itself: `verify` then proves all
but the signature and leaves that to the body's reader (`AwaitedHash`, settled by chunked.BodyHash before any
operation runs).
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from codeyard.contract import AwsError
from codeyard.wire.http import Head

Dialect = Literal["s3", "query", "json"]
ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW_US = 15 * 60 * 1_000_000
MAX_EXPIRES = 604_800

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-fA-F]+)\s*"
)
_AMZ_DATE = re.compile(r"\d{8}T\d{6}Z")
_SAFE = re.compile(r"[A-Za-z0-9\-_.~]*")
_GIT_PASSWORD = re.compile(r"(\d{8}T\d{6})Z([0-9a-f]{64})")
_MAY_BE_UNSIGNED = frozenset({"x-amz-user-agent", "x-amz-cf-id"})


class AwaitedHash:
    """Stands for a payload hash that only the body can tell; `check(hex)` proves the signature."""

    __slots__ = ("check",)

    def __init__(self) -> None:
        self.check: Callable[[str], None] | None = None


class Signed(NamedTuple):
    """What a request claims about its signer."""

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
    payload_hash: str | AwaitedHash

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read(head: Head) -> Signed | None:
    """The signature of a request, None where it has none; IncompleteSignature where it is malformed."""
    authorization = head.headers.get("authorization")
    if authorization is not None:
        return _from_header(head, authorization)
    if "X-Amz-Signature=" in head.query or "X-Amz-Algorithm=" in head.query:
        return _from_query(head)
    return None


def verify(signed: Signed, secret: str, head: Head, now_us: int, *, dialect: Dialect = "json") -> bytes:
    """The signing key, where the request was signed with `secret`, now, and all that must be signed is."""
    _check_time(signed, now_us, dialect)
    _check_covered(signed, head, dialect)
    key = signing_key(secret, signed.date, signed.region, signed.service)
    path = head.path if signed.service == "s3" else canonical_path(head.path)
    query = canonical_query(head.query, without_signature=signed.presigned)
    front = (
        f"{head.method}\n{path or '/'}\n{query}\n{_headers(signed, head, dialect)}\n{';'.join(signed.signed_headers)}\n"
    )

    def prove(payload_hash: str) -> None:
        expected = _signature(key, signed.amz_date, signed.scope, front + payload_hash)
        if not hmac.compare_digest(expected.encode(), signed.signature.lower().encode()):
            raise _mismatch(dialect)

    if isinstance(signed.payload_hash, AwaitedHash):
        signed.payload_hash.check = prove
    else:
        prove(signed.payload_hash)
    return key


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of a day, region and service; kept, since it is the same for a whole day."""
    key = hmac.digest(b"AWS4" + secret.encode(), date.encode("utf-8"), "sha256")
    for part in (region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8"), "sha256")
    return key


def canonical_path(path: str) -> str:
    """A path as all services but S3 sign it: dots resolved, slashes collapsed, encoded once more."""
    if path in ("/", ""):
        return "/"
    return quote(normal_path(path).encode("latin-1", "replace"), safe="/-_.~")


def normal_path(path: str) -> str:
    """A path with `.`, `..` and repeated slashes resolved; a trailing slash stays."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part and part != ".":
            kept.append(part)
    trailing = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return f"/{'/'.join(kept)}{trailing}"


def canonical_query(query: str, *, without_signature: bool = False) -> str:
    """A query's pairs, each encoded in the one way, sorted; X-Amz-Signature left out of a presigned one."""
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if part and not (without_signature and name == "X-Amz-Signature"):
            pairs.append((_encoded(name), _encoded(value)))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed_headers: tuple[str, ...], payload_hash: str
) -> str:
    """The canonical request over a path that is canonical already."""
    lines = "".join([f"{name}:{_trimmed(headers[name])}\n" for name in signed_headers])
    return f"{method}\n{path}\n{canonical_query(query)}\n{lines}\n{';'.join(signed_headers)}\n{payload_hash}"


def string_to_sign(amz_date: str, scope: str, canonical: str) -> str:
    """What is signed: algorithm, time, scope and the canonical request's hash."""
    digest = hashlib.sha256(_raw(canonical)).hexdigest()
    return f"{ALGORITHM}\n{amz_date}\n{scope}\n{digest}"


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
    """The headers with which to send a request: those given, host, date, payload hash, token and Authorization.

    A body that is not at hand is declared by `payload_hash`: its SHA-256, or UNSIGNED-PAYLOAD.
    """
    parts = urlsplit(url)
    amz_date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_us // 1_000_000))
    declared = payload_hash or hashlib.sha256(body).hexdigest()
    sent = {name.lower(): value for name, value in headers.items()}
    sent.update({"host": parts.netloc, "x-amz-date": amz_date, "x-amz-content-sha256": declared})
    if token:
        sent["x-amz-security-token"] = token
    names = tuple(sorted(n for n in sent if n in ("host", "content-type") or n.startswith("x-amz-")))
    path = parts.path or "/"
    path = path if service == "s3" else canonical_path(path)
    canonical = canonical_request(method, path, parts.query, sent, names, declared)
    scope = f"{amz_date[:8]}/{region}/{service}/aws4_request"
    key = signing_key(secret, amz_date[:8], region, service)
    signature = _signature(key, amz_date, scope, canonical)
    credential = f"Credential={access_key}/{scope}"
    sent["authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return sent


def git_signature(secret: str, path: str, host: str, region: str, stamp: str) -> str:
    """What stands after the `Z` in a git password: a signature over path and host at `stamp` (no `Z` of its own)."""
    canonical = f"GIT\n{path}\n\nhost:{host}\n\nhost\n"
    scope = f"{stamp[:8]}/{region}/codecommit/aws4_request"
    return _signature(signing_key(secret, stamp[:8], region, "codecommit"), stamp, scope, canonical)


def split_git_username(username: str) -> tuple[str, str]:
    """(access key id, session token) of the user name that a git credential helper sends."""
    key_id, _, token = username.partition("%")
    return key_id, token


def verify_git(password: str, secret: str, *, path: str, host: str, region: str, now: int) -> bool:
    """Whether a git password is a fresh signature over the repository's path and this spelling of the host.

    Clients differ in whether they sign the port; the caller tries both. `path` is the remote URL's, without
    /info/refs and the like; the same password serves all requests of one git command, for 15 minutes.
    """
    found = _GIT_PASSWORD.fullmatch(password)
    if found is None:
        return False
    stamp, signature = found.groups()
    when = _microseconds(f"{stamp}Z")
    if when is None or abs(now - when) > SKEW_US:
        return False
    return hmac.compare_digest(git_signature(secret, path, host, region, stamp), signature)


def _from_header(head: Head, authorization: str) -> Signed:
    found = _AUTHORIZATION.fullmatch(authorization)
    if found is None:
        raise _incomplete(
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' of AWS4-HMAC-SHA256."
        )
    credential, names, signature = found.groups()
    amz_date = head.headers.get("x-amz-date") or head.headers.get("date", "")
    declared = head.headers.get("x-amz-content-sha256")
    token = head.headers.get("x-amz-security-token", "")
    payload = AwaitedHash() if declared is None else declared
    return _signed(credential, names, signature, amz_date, token, False, 0, payload)


def _from_query(head: Head) -> Signed:
    given = {}
    for part in head.query.split("&"):
        name, _, value = part.partition("=")
        given[name] = unquote_to_bytes(value).decode("utf-8", "replace")
    wanted = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    missing = [name for name in wanted if f"X-Amz-{name}" not in given]
    if missing or given["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(
            "Query-string authentication requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            "AuthorizationQueryParametersError",
        )
    expires = given["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) < 10 and 1 <= int(expires) <= MAX_EXPIRES):
        raise _incomplete(
            f"X-Amz-Expires must be between 1 and {MAX_EXPIRES} seconds", "AuthorizationQueryParametersError"
        )
    payload: str | AwaitedHash = head.headers.get("x-amz-content-sha256", "")
    return _signed(
        given["X-Amz-Credential"],
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        given["X-Amz-Date"],
        given.get("X-Amz-Security-Token", ""),
        True,
        int(expires),
        payload,
    )


def _signed(
    credential: str,
    names: str,
    signature: str,
    amz_date: str,
    token: str,
    presigned: bool,
    expires: int,
    payload: str | AwaitedHash,
) -> Signed:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    if not _AMZ_DATE.fullmatch(amz_date) or _microseconds(amz_date) is None:
        raise _incomplete(
            "Date must be in ISO-8601 'basic format': the request needs X-Amz-Date (yyyyMMdd'T'HHmmss'Z')."
        )
    if presigned and not payload:
        # S3 presigns without the body; every other service signs the hash of the empty body.
        payload = UNSIGNED if parts[3] == "s3" else hashlib.sha256(b"").hexdigest()
    headers = tuple(names.lower().split(";"))
    return Signed(
        parts[0], parts[1], parts[2], parts[3], headers, signature, amz_date, token, presigned, expires, payload
    )


def _check_time(signed: Signed, now_us: int, dialect: Dialect) -> None:
    if signed.date != signed.amz_date[:8]:
        raise _mismatch(dialect, "Credential should be scoped to a valid date.")
    when = _microseconds(signed.amz_date) or 0
    if signed.presigned:
        if now_us > when + signed.expires * 1_000_000:
            raise AwsError("AccessDenied" if dialect == "s3" else "RequestExpired", "Request has expired", status=403)
        if when > now_us + SKEW_US:
            raise AwsError("AccessDenied", "Request is not valid yet", status=403)
    elif abs(now_us - when) > SKEW_US:
        raise _skewed(signed, when, now_us, dialect)


def _skewed(signed: Signed, when: int, now_us: int, dialect: Dialect) -> AwsError:
    if dialect == "s3":
        text = "The difference between the request time and the current time is too large."
        return AwsError("RequestTimeTooSkewed", text, status=403)
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_us // 1_000_000))
    if when < now_us:
        return _mismatch(dialect, f"Signature expired: {signed.amz_date} is now earlier than {now} less 15 min.")
    return _mismatch(dialect, f"Signature not yet current: {signed.amz_date} is still later than {now} plus 15 min.")


def _check_covered(signed: Signed, head: Head, dialect: Dialect) -> None:
    covered = signed.signed_headers
    loose = [name for name in head.headers if name not in covered and name[:6] == "x-amz-"]
    loose = [name for name in loose if name not in _MAY_BE_UNSIGNED]
    if "host" not in covered:
        loose.append("host")
    if loose and dialect == "s3":
        raise AwsError("AccessDenied", "There were headers present in the request which were not signed", status=403)
    if loose:
        raise _mismatch(dialect, f"'{loose[0]}' must be a signed header in the AWS request.")


def _headers(signed: Signed, head: Head, dialect: Dialect) -> str:
    lines = []
    for name in signed.signed_headers:
        value = head.headers.get(name)
        if value is None:
            raise _mismatch(dialect)
        lines.append(f"{name}:{_trimmed(value)}\n")
    return "".join(lines)


def _trimmed(value: str) -> str:
    value = value.strip()
    return " ".join(value.split()) if "  " in value or "\t" in value or "\n" in value else value


def _encoded(text: str) -> str:
    if _SAFE.fullmatch(text):
        return text
    # `+` is read as a space (http.query_pairs): signed as anything else, `a%2Bb` could be sent on as `a+b`.
    return quote(unquote_to_bytes(_raw(text.replace("+", " "))), safe="-_.~")


def _signature(key: bytes, amz_date: str, scope: str, canonical: str) -> str:
    return hmac.digest(key, string_to_sign(amz_date, scope, canonical).encode(), "sha256").hex()


def _raw(text: str) -> bytes:
    """The bytes as they were on the wire: heads are decoded as latin-1; what a client signs may be any text."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


@lru_cache(maxsize=1024)
def _microseconds(amz_date: str) -> int | None:
    try:
        return calendar.timegm(time.strptime(amz_date, "%Y%m%dT%H%M%SZ")) * 1_000_000
    except ValueError:
        return None


def _mismatch(dialect: Dialect, message: str = "") -> AwsError:
    code = "InvalidSignatureException" if dialect == "json" else "SignatureDoesNotMatch"
    text = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )
    return AwsError(code, message or text, status=403)


def _incomplete(message: str, code: str = "IncompleteSignature") -> AwsError:
    return AwsError(code, message, status=400)
