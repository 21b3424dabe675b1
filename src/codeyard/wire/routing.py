"""Which operation of which service a request is, in which protocol: one table, in one order.

Git, the console and the health checks are the edge's, which looks at them before it asks here; FIXED_PATHS names
what it keeps, so that no bucket may shadow it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from codeyard.wire.http import Head, query_pairs
from codeyard.wire.models import Models
from codeyard.wire.restroutes import RestTable

Protocol = Literal["json", "smithy-rpc-v2-cbor", "rest-json", "rest-xml", "query"]

FIXED_PATHS: tuple[str, ...] = ("/v1/", "/v2/", "/service/", "/healthz", "/readyz", "/metrics", "/console/")

_CBOR = re.compile(r"(?:/.*)?/service/([^/]+)/operation/([^/]+)")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_AWS = ".amazonaws.com"
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)(?:&|$)")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")

# What SNS puts into messages as links: whoever was sent one follows it, unsigned. Each with the member that names its
# topic or subscription.
_LINKS = {"ConfirmSubscription": "TopicArn", "Unsubscribe": "SubscriptionArn"}
_SNS_ARN = re.compile(r"arn:aws:sns:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):.+")

_NONE: Mapping[str, str] = MappingProxyType({})


class Route(NamedTuple):
    """Where a request goes; `operation` is None where the service has no such operation (or the body must say).

    `labels` are the decoded labels of the path, a virtual host's bucket included. `account` is there where nobody
    need sign: the account that owns what the link in a message is about.
    """

    service: str
    operation: str | None
    protocol: Protocol
    region: str = ""
    labels: Mapping[str, str] = _NONE
    method: str = "POST"
    path: str = "/"
    account: str = ""


_Found = tuple[str, str | None, Protocol, Mapping[str, str]]


class Router:
    """Routes heads. `hosts` are further host names of this server, under which buckets may be virtual hosts."""

    def __init__(self, models: Models, region: str, hosts: Iterable[str] = ()) -> None:
        self._models, self._region = models, region
        self._suffixes = tuple(f".{host.lower()}" for host in (*hosts, "localhost", _AWS[1:]))
        self._lock = threading.Lock()
        self._tables: dict[str, RestTable] = {}
        self._rpcs: dict[tuple[str, str], _Found] = {}

    def route(self, head: Head) -> Route:
        """The route of a request; never raises."""
        scope = scope_of(head)
        if scope is None and "Action=" in head.query and (link := self._link(head)) is not None:
            return link
        host = self._known_host(head) if scope is None else None
        if scope is not None:
            service, region = self._models.names.get(scope[1], scope[1]), scope[0]
        elif host is not None:
            service, region = host[0], host[1] or self._region
        elif _bears_token(head):
            service, region = "sts", self._region
        else:
            service, region = "", self._region
        name, operation, protocol, labels = self._dispatch(head, service)
        return Route(name, operation, protocol, region, labels, head.method, head.path)

    def route_query(self, route: Route, body: bytes) -> Route:
        """The route of a query request once its body is there; unchanged where the Action is unknown."""
        found = _ACTION.search(body)
        name = found.group(1).decode() if found else ""
        return route._replace(operation=name) if self._knows(route.service, name) else route

    def named_by_host(self, head: Head) -> tuple[str, str] | None:
        """(service, region or "") of a host that names a service, such as sts.us-east-1.localhost; else None."""
        found = self._known_host(head)
        return None if found is None or self.bucket_of_host(head) is not None else found

    def bucket_of_host(self, head: Head) -> str | None:
        """The bucket that the host names, if it names one."""
        return self._virtual_bucket(head)

    def _link(self, head: Head) -> Route | None:
        """The route of an unsigned link out of a message, if the request is one."""
        if head.method != "GET" or head.path != "/" or (self._known_host(head) or ("sns",))[0] != "sns":
            return None
        asked = dict(query_pairs(head.query))
        name = asked.get("Action", "")
        if name not in _LINKS or not self._knows("sns", name):
            return None
        arn = _SNS_ARN.fullmatch(asked.get(_LINKS[name], ""))
        region, account = (arn[1], arn[2]) if arn else (self._region, "")
        return Route("sns", name, "query", region, _NONE, head.method, head.path, account)

    def _dispatch(self, head: Head, service: str) -> _Found:
        target = head.headers.get("x-amz-target")
        if target is not None and service != "s3":
            return self._json(service, target)
        cbor = _CBOR.fullmatch(head.path) if service != "s3" and head.method == "POST" else None
        if cbor is not None:
            return self._rpc(service, self._cbor_service(cbor.group(1)), cbor.group(2), "smithy-rpc-v2-cbor")
        if service and service not in self._models.services:
            return service, None, _guess(head), _NONE
        return self._by_model(head, service or "s3")

    def _json(self, service: str, target: str) -> _Found:
        found = self._rpcs.get((service, target))
        if found is None:
            prefix, _, name = target.rpartition(".")
            found = self._rpc(service, self._models.targets.get(prefix, ""), name, "json")
            if found[1] is not None:  # so there are as many as there are operations
                self._rpcs[(service, target)] = found
        return found

    def _rpc(self, scoped: str, named: str, name: str, protocol: Protocol) -> _Found:
        service = scoped or named
        fits = named == service and self._knows(service, name) and protocol in self._models.protocols(service)
        return service, name if fits else None, protocol, _NONE

    def _cbor_service(self, prefix: str) -> str:
        """CBOR clients name the service's shape: the target prefix's last part."""
        for target, service in self._models.targets.items():
            if prefix in (target, target.rpartition(".")[2]):
                return service
        return ""

    def _by_model(self, head: Head, service: str) -> _Found:
        protocols = self._models.protocols(service)
        for protocol in protocols:
            if protocol in ("rest-json", "rest-xml"):
                return self._rest(head, service, "rest-xml" if protocol == "rest-xml" else "rest-json")
        if "query" in protocols:
            return self._query(head, service)
        return service, None, _guess(head), _NONE

    def _query(self, head: Head, service: str) -> _Found:
        """GET names its Action in the query; POST may, else its body does."""
        action = dict(query_pairs(head.query)).get("Action", "")
        return service, action if self._knows(service, action) else None, "query", _NONE

    def _rest(self, head: Head, service: str, protocol: Protocol) -> _Found:
        path, bucket = head.path, self._virtual_bucket(head) if service == "s3" else None
        if bucket is not None:
            path = f"/{bucket}{'' if path == '/' else path}"
        found = self._table(service).match(head, path)
        if found is None:
            return service, None, protocol, _NONE
        return service, found[0], protocol, found[1]

    def _table(self, service: str) -> RestTable:
        found = self._tables.get(service)
        if found is None:
            with self._lock:
                found = self._tables.get(service) or RestTable(self._models.service(service))
                self._tables[service] = found
        return found

    def _knows(self, service: str, name: str) -> bool:
        return service in self._models.services and name in self._models.service(service).operation_names

    def _known_host(self, head: Head) -> tuple[str, str] | None:
        """(service, region) of a host such as codecommit.eu-west-1.amazonaws.com or s3.localhost."""
        labels = self._host_labels(head)
        region = next((label for label in labels if _REGION.fullmatch(label)), "")
        name = ".".join(label for label in labels if label != region)
        if name in self._models.names:
            return self._models.names[name], region
        if name == "git-codecommit":
            return "codecommit", region
        if name.endswith(".s3") or (labels and self._virtual_bucket(head) is not None):
            return "s3", region
        return None

    def _host_labels(self, head: Head) -> list[str]:
        host = head.host
        suffix = next((suffix for suffix in self._suffixes if host.endswith(suffix)), None)
        labels = host[: -len(suffix)].split(".") if suffix else []
        return _usual(labels) if suffix == _AWS else labels

    def _virtual_bucket(self, head: Head) -> str | None:
        """The bucket of BUCKET.s3[.REGION].SUFFIX or, where the suffix is not AWS's, BUCKET.SUFFIX, if it is one."""
        labels = self._host_labels(head)
        if labels and _REGION.fullmatch(labels[-1]):
            labels = labels[:-1]
        if labels and labels[-1] == "s3":
            labels = labels[:-1]
        elif head.host.endswith(_AWS):
            return None
        name = ".".join(labels)
        if not name or name in self._models.names or not _BUCKET.fullmatch(name):
            return None
        return name


def _usual(labels: list[str]) -> list[str]:
    """The labels of an AWS endpoint in its usual form: s3.dualstack.REGION and s3-fips.REGION are s3.REGION."""
    end = len(labels) - 1 if _REGION.fullmatch(labels[-1]) else len(labels)
    service, region = labels[:end], labels[end:]
    if len(service) > 1 and service[-1] == "dualstack":
        service.pop()
    if service:
        service[-1] = service[-1].removesuffix("-fips")
    return service + region


def scope_of(head: Head) -> tuple[str, str] | None:
    """(region, service) of the credential scope, from the header or a presigned query; None where unsigned."""
    authorization = head.headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
        return (scope[-3], scope[-2]) if len(scope) >= 5 else None
    if "X-Amz-Credential=" in head.query:
        parts = dict(query_pairs(head.query)).get("X-Amz-Credential", "").split("/")
        return (parts[-3], parts[-2]) if len(parts) >= 5 else None
    return None


def _bears_token(head: Head) -> bool:
    """Whether an unsigned request may be one of STS's that carry a token: a form to `/`, or its link."""
    if head.path != "/":
        return False
    form = head.method == "POST" and head.content_type.startswith("application/x-www-form-urlencoded")
    return form or "Action=AssumeRoleWith" in head.query


def _guess(head: Head) -> Protocol:
    """The form in which a client of an unknown operation will understand its error."""
    kind = head.content_type
    if kind.startswith("application/x-amz-json") or "x-amz-target" in head.headers:
        return "json"
    if kind == "application/cbor":
        return "smithy-rpc-v2-cbor"
    if kind == "application/x-www-form-urlencoded":
        return "query"
    return "rest-json"
