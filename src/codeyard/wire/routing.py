"""Which operation of which service a request is, in which protocol: one table, in one order.

Git, the console and the health checks are the edge's, which looks at them before it asks here; FIXED_PATHS names
what it keeps, so that no bucket may shadow it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from codeyard.wire.http import Head, query_pairs
from codeyard.wire.models import Models
from codeyard.wire.restroutes import RestTable

Protocol = Literal["json", "smithy-rpc-v2-cbor", "rest-json", "rest-xml", "query"]

FIXED_PATHS: tuple[str, ...] = ("/v1/", "/v2/", "/service/", "/healthz", "/readyz", "/metrics", "/console/")

_SCOPE = re.compile(r"Credential=[^/,]+(?:/[^/,]+)*?/(\d{8})/([^/,]+)/([^/,]+)/aws4_request")
_CBOR = re.compile(r"(?:/.*)?/service/([^/]+)/operation/([^/]+)")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)(?:&|$)")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes; `operation` is None where the service has no such operation (or the body must say).

    `labels` are the decoded labels of the path, a virtual host's bucket included.
    """

    service: str
    operation: str | None
    protocol: Protocol
    region: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/"


class Router:
    """Routes heads. `hosts` are further host names of this server, under which buckets may be virtual hosts."""

    def __init__(self, models: Models, region: str, hosts: Iterable[str] = ()) -> None:
        self._models, self._region = models, region
        self._suffixes = tuple(f".{host.lower()}" for host in (*hosts, "localhost", "amazonaws.com"))
        self._lock = threading.Lock()
        self._tables: dict[str, RestTable] = {}

    def route(self, head: Head) -> Route:
        """The route of a request; never raises."""
        scope = scope_of(head)
        host = self._known_host(head)
        if scope is not None:
            service, region = self._models.names.get(scope[1], scope[1]), scope[0]
        elif host is not None:
            service, region = host[0], host[1] or self._region
        else:
            service, region = "", self._region
        return replace(self._dispatch(head, service), region=region, method=head.method, path=head.path)

    def route_query(self, route: Route, body: bytes) -> Route:
        """The route of a query request once its body is there; unchanged where the Action is unknown."""
        found = _ACTION.search(body)
        name = found.group(1).decode() if found else ""
        return replace(route, operation=name) if self._knows(route.service, name) else route

    def _dispatch(self, head: Head, service: str) -> Route:
        target = head.headers.get("x-amz-target")
        if target is not None and service != "s3":
            prefix, _, name = target.rpartition(".")
            return self._rpc(service, self._models.targets.get(prefix, ""), name, "json")
        cbor = _CBOR.fullmatch(head.path) if service != "s3" else None
        if cbor is not None and head.method == "POST":
            return self._rpc(service, self._cbor_service(cbor.group(1)), cbor.group(2), "smithy-rpc-v2-cbor")
        if service and service not in self._models.services:
            return Route(service, None, _guess(head))
        return self._by_model(head, service or "s3")

    def _rpc(self, scoped: str, named: str, name: str, protocol: Protocol) -> Route:
        service = scoped or named
        fits = named == service and self._knows(service, name) and protocol in self._models.protocols(service)
        return Route(service, name if fits else None, protocol)

    def _cbor_service(self, prefix: str) -> str:
        """CBOR clients name the service's shape: the target prefix's last part."""
        for target, service in self._models.targets.items():
            if prefix in (target, target.rpartition(".")[2]):
                return service
        return ""

    def _by_model(self, head: Head, service: str) -> Route:
        protocols = self._models.protocols(service)
        for protocol in protocols:
            if protocol in ("rest-json", "rest-xml"):
                return self._rest(head, service, "rest-xml" if protocol == "rest-xml" else "rest-json")
        if "query" in protocols:
            return self._query(head, service)
        return Route(service, None, _guess(head))

    def _query(self, head: Head, service: str) -> Route:
        """GET names its Action in the query; POST may, else its body does."""
        action = dict(query_pairs(head.query)).get("Action", "")
        return Route(service, action if self._knows(service, action) else None, "query")

    def _rest(self, head: Head, service: str, protocol: Protocol) -> Route:
        path, bucket = head.path, self._virtual_bucket(head) if service == "s3" else None
        if bucket is not None:
            path = f"/{bucket}{'' if path == '/' else path}"
        found = self._table(service).match(head, path)
        if found is None:
            return Route(service, None, protocol)
        return Route(service, found[0], protocol, labels=found[1])

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
        if name.endswith(".s3") or (labels and self._virtual_bucket(head) is not None):
            return "s3", region
        return None

    def _host_labels(self, head: Head) -> list[str]:
        host = head.host
        suffix = next((suffix for suffix in self._suffixes if host.endswith(suffix)), None)
        return host[: -len(suffix)].split(".") if suffix else []

    def _virtual_bucket(self, head: Head) -> str | None:
        """The bucket of BUCKET.s3[.REGION].SUFFIX or BUCKET.SUFFIX, if the host is one."""
        labels = self._host_labels(head)
        if labels and _REGION.fullmatch(labels[-1]):
            labels = labels[:-1]
        if labels and labels[-1] == "s3":
            labels = labels[:-1]
        name = ".".join(labels)
        if not name or name in self._models.names or not _BUCKET.fullmatch(name):
            return None
        return name


def scope_of(head: Head) -> tuple[str, str] | None:
    """(region, service) of the credential scope, from the header or a presigned query; None where unsigned."""
    authorization = head.headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        found = _SCOPE.search(authorization)
        return (found.group(2), found.group(3)) if found else None
    if "X-Amz-Credential=" in head.query:
        parts = dict(query_pairs(head.query)).get("X-Amz-Credential", "").split("/")
        return (parts[-3], parts[-2]) if len(parts) >= 5 else None
    return None


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
