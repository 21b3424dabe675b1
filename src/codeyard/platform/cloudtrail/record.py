"""One call as CloudTrail writes it down. Pure: the gateway gives it everything, secrets are masked by the model."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

import orjson

from codeyard.contract import INTERNAL, AwsError, Origin, Principal
from codeyard.formats.moments import iso_z, micros_of
from codeyard.platform.cloudtrail.resource_types import resource_type

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
# Capabilities that the models do not mark: whoever reads the trail must not be able to use them.
_ALSO_HIDDEN = frozenset(
    {"sessiontoken", "oauthtoken", "secrettoken", "password", "secretaccesskey", "webidentitytoken"}
    | {"granttoken", "granttokens", "token", "actionconfiguration"}
)
# What KMS leaves out of its records (developer guide, "CloudTrail log entries"): data before and after its keys' use.
_DATA_OF_KEYS = frozenset(
    {"plaintext", "ciphertextBlob", "sharedSecretCiphertextBlob", "message", "signature", "mac", "importToken"}
    | {"encryptedKeyMaterial", "recipient"}
)
_MAX_SECTION = 100_000
_MAX_BLOB = 256
_MAX_DEPTH = 24
_LEFT_OUT: Any = object()


def build_record(
    *,
    principal: Principal,
    service_host: str,
    operation: str,
    region: str,
    account: str,
    origin: Origin,
    request_id: str,
    event_id: str,
    time_us: int,
    request: Mapping[str, Any],
    response: Mapping[str, Any] | None,
    error: AwsError | None,
    read_only: bool,
    resources: Sequence[str],
    additional: Mapping[str, Any],
    shapes: tuple[Any, Any] | None,
    data: bool = False,
) -> dict[str, Any]:
    """The CloudTrail record of a call, fit for JSON; `data`: of a data event."""
    input_shape, output_shape = shapes or (None, None)
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": identity(principal),
        "eventTime": iso_z(time_us),
        "eventSource": service_host,
        "eventName": operation,
        "awsRegion": region,
        "sourceIPAddress": _address(principal, origin),
        "userAgent": _agent(principal, origin),
    }
    if error is not None:
        record["errorCode"] = error.code
        record["errorMessage"] = error.message
    record["requestParameters"] = _asked(service_host, _section(request, input_shape, shapes is not None))
    answered = response if error is None and not read_only else None
    record["responseElements"] = _section(answered, output_shape, shapes is not None)
    if additional:
        record["additionalEventData"] = plain(additional)
    record |= {"requestID": request_id, "eventID": event_id, "readOnly": read_only}
    if resources:
        record["resources"] = [_resource(arn, account) for arn in dict.fromkeys(resources)]
    record |= {
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "recipientAccountId": account,
        "eventCategory": "Data" if data else "Management",
    }
    if origin.secure and origin is not INTERNAL and not origin.endpoint.startswith("ssh:"):
        record["tlsDetails"] = {"clientProvidedHostHeader": urlsplit(origin.endpoint).netloc}
    return record


def identity(principal: Principal) -> dict[str, Any]:
    """The userIdentity element of a principal."""
    if principal.kind == "service":
        return {"type": "AWSService", "invokedBy": principal.name}
    if principal.kind == "anonymous":
        return {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    if principal.kind == "webidentity":
        return {
            "type": "WebIdentityUser",
            "principalId": principal.principal_id,
            "userName": principal.name,
            "identityProvider": principal.arn,
        }
    kinds = {"root": "Root", "user": "IAMUser", "role": "AssumedRole", "federated": "FederatedUser"}
    found: dict[str, Any] = {
        "type": kinds[principal.kind],
        "principalId": principal.principal_id or principal.account,
        "arn": principal.arn,
        "accountId": principal.account,
    }
    if principal.access_key_id:
        found["accessKeyId"] = principal.access_key_id
    if principal.kind == "user":
        found["userName"] = principal.name
    if principal.temporary:
        found["sessionContext"] = _session(principal)
    if principal.invoked_by:
        found["invokedBy"] = principal.invoked_by
    return found


def _session(principal: Principal) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if principal.role_arn:
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": principal.principal_id.partition(":")[0],
            "arn": principal.role_arn,
            "accountId": principal.account,
            "userName": principal.role_arn.rpartition("/")[2],
        }
    context["attributes"] = {
        "creationDate": iso_z(principal.issued_at),
        "mfaAuthenticated": "true" if principal.mfa_at else "false",
    }
    if principal.source_identity:
        context["sourceIdentity"] = principal.source_identity
    return context


def _inside(principal: Principal, origin: Origin) -> str:
    if principal.kind == "service":
        return principal.name
    return principal.invoked_by if origin is INTERNAL else ""


def _address(principal: Principal, origin: Origin) -> str:
    return _inside(principal, origin) or origin.source_ip


def _agent(principal: Principal, origin: Origin) -> str:
    return _inside(principal, origin) or origin.user_agent


def _resource(arn: str, account: str) -> dict[str, str]:
    parts = arn.split(":", 5)
    owner = parts[4] if len(parts) == 6 and parts[4].isdigit() else account
    found = {"accountId": owner, "ARN": arn}
    if kind := resource_type(arn):
        found["type"] = kind
    return found


def _section(values: Mapping[str, Any] | None, shape: Any, modelled: bool) -> dict[str, Any] | None:
    if not values or (modelled and shape is None):
        return None
    found = _masked(shape, values, 0) if shape is not None else plain(values)
    if found is _LEFT_OUT or not found:
        return None
    size = len(orjson.dumps(found))
    if size > _MAX_SECTION:
        return {"omitted": True, "originalSize": size, "reason": "parameters too large"}
    return dict(found)


def _asked(service_host: str, shown: dict[str, Any] | None) -> dict[str, Any] | None:
    if shown is None or service_host != "kms.amazonaws.com":
        return shown
    return {name: value for name, value in shown.items() if name not in _DATA_OF_KEYS} or None


def _masked(shape: Any, value: Any, depth: int) -> Any:
    """The value as the record shows it: only what the model knows, sensitive members hidden, streams left out."""
    return _LEFT_OUT if value is None or depth > _MAX_DEPTH else _mask_of(shape)(value, depth)


@cache
def _mask_of(shape: Any) -> Callable[[Any, int], Any]:
    """How values of a shape are shown, found out once for each shape of the models."""
    if shape.metadata.get("sensitive") or shape.name == "WebhookUrl":  # whoever knows it may use it
        return lambda value, depth: HIDDEN
    kind = shape.type_name
    if kind == "structure":
        members = {name: _Member(name, member) for name, member in shape.members.items()}
        return partial(_action if shape.name == "ActionDeclaration" else _structure, members)
    if kind == "list":
        return partial(_items, shape.member)
    if kind == "map":
        return partial(_entries, shape.value)
    return lambda value, depth: _scalar(value)


class _Member:
    """A structure's member: how the record calls it, its shape, and whether its name alone says that it is secret."""

    __slots__ = ("secret", "shape", "shown")

    def __init__(self, name: str, shape: Any) -> None:
        self.shown, self.shape, self.secret = name[:1].lower() + name[1:], shape, name.lower() in _ALSO_HIDDEN


def _structure(members: Mapping[str, _Member], value: Any, depth: int) -> Any:
    if not isinstance(value, Mapping):
        return _LEFT_OUT
    found: dict[str, Any] = {}
    for name, member in members.items():
        one = value.get(name)
        if one is None:
            continue
        shown = HIDDEN if member.secret else _masked(member.shape, one, depth + 1)
        if shown is not _LEFT_OUT:
            found[member.shown] = shown
    return found


def _action(members: Mapping[str, _Member], value: Any, depth: int) -> Any:
    """A pipeline's action: what is secret in a custom action's configuration, its own type alone says."""
    found = _structure(members, value, depth)
    if found is not _LEFT_OUT and "configuration" in found and found.get("actionTypeId", {}).get("owner") != "AWS":
        found["configuration"] = HIDDEN
    return found


def _items(item: Any, value: Any, depth: int) -> Any:
    if not isinstance(value, list | tuple):
        return _LEFT_OUT
    return [shown for one in value if (shown := _masked(item, one, depth + 1)) is not _LEFT_OUT]


def _entries(item: Any, value: Any, depth: int) -> Any:
    if not isinstance(value, Mapping):
        return _LEFT_OUT
    found: dict[str, Any] = {}
    for key, one in value.items():
        shown = HIDDEN if str(key).lower() in _ALSO_HIDDEN else _masked(item, one, depth + 1)
        if shown is not _LEFT_OUT:
            found[str(key)] = shown
    return found


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime):
        return iso_z(micros_of(value))
    if isinstance(value, bytes) and len(value) <= _MAX_BLOB:
        return base64.b64encode(value).decode("ascii")
    return _LEFT_OUT


def plain(value: Any) -> Any:
    """A value without a model (additional data, a door's parameters) fit for JSON; what has no form is left out."""
    if isinstance(value, Mapping):
        pairs = ((str(key), HIDDEN if str(key).lower() in _ALSO_HIDDEN else plain(one)) for key, one in value.items())
        return {key: shown for key, shown in pairs if shown is not _LEFT_OUT and shown is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown for one in value if (shown := plain(one)) is not _LEFT_OUT]
    return None if value is None else _scalar(value)
