"""Which service and operation a request is for. One order, tested as a table:

credential scope or host -> CBOR path -> X-Amz-Target -> the service's URIs -> the query form -> anonymous S3
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote

from codeyard.wire import forms
from codeyard.wire.http import Head
from codeyard.wire.models import Models
from codeyard.wire.uris import Uris

# First path segments that doors of this server answer themselves: no bucket may have such a name.
FIXED_PATHS = ("/v1", "/healthz", "/readyz", "/service", "/sns", "/static", "/console")

# X-Amz-Target prefixes; tested against the models, so that finding a service loads none of them.
TARGETS = {
    "CodeCommit_20150413": "codecommit",
    "CodePipeline_20150709": "codepipeline",
    "CodeBuild_20161006": "codebuild",
    "CodeDeploy_20141006": "codedeploy",
    "CodeDeployCommandService_v20141006": "codedeploy-commands",
    "CodeDeployCommandService": "codedeploy-commands",
    "CodeyardRunner_20261101": "codeyard-runner",
    "com.amazonaws.codeconnections.CodeConnections_20231201": "codeconnections",
    "CodeConnections_20231201": "codeconnections",
    "com.amazonaws.codestar.connections.CodeStar_connections_20191201": "codestar-connections",
    "AWSEvents": "events",
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101": "cloudtrail",
    "CloudTrail_20131101": "cloudtrail",
    "TrentService": "kms",
    "AmazonSQS": "sqs",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
    "AmazonSSM": "ssm",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AWSOrganizationsV20161128": "organizations",
    "ResourceGroupsTaggingAPI_20170126": "resourcegroupstaggingapi",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AWSStepFunctions": "stepfunctions",
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "DeviceFarm_20150623": "devicefarm",
}
# Signing names and endpoint prefixes that are not botocore's id of the service.
ALIASES = {
    "codeguru-profiler": "codeguruprofiler",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
    "api.ecr": "ecr",
    "codedeploy-commands-secure": "codedeploy-commands",
}
QUERY = frozenset({"iam", "sts", "sns", "elasticbeanstalk", "cloudformation"})
JSON_10 = frozenset({"codeconnections", "codestar-connections", "sqs", "cloudwatch", "stepfunctions"})
_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?(?P<name>[a-z0-9.-]+?)\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com$")
_VIRTUAL = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3(?:[.-][a-z0-9-]+)?\.(?:amazonaws\.com|localhost)$"
)
_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]*)/aws4_request")
_CBOR = re.compile(r"^/service/(?P<prefix>[^/]+)/operation/(?P<operation>[A-Za-z0-9]+)/?$")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes. `operation` is None where the service has no such operation, or its form is unread."""

    service: str
    operation: str | None
    protocol: str
    region: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


class Router:
    """Finds the route of a request's head; only the service that is asked for is loaded."""

    def __init__(self, models: Models, region: str) -> None:
        self._models, self._region = models, region
        self._uris: dict[str, Uris] = {}

    def route(self, head: Head) -> Route:
        """The route by the head alone; a query form needs `route_query` with the body."""
        scope_service, region = self._scope(head)
        if head.headers.get("smithy-protocol") == "rpc-v2-cbor" and (match := _CBOR.match(head.path)):
            service = TARGETS.get(match["prefix"], scope_service or "s3")
            return Route(service, self._known(service, match["operation"]), "cbor", region)
        target = head.headers.get("x-amz-target", "")
        if target:
            prefix, _, operation = target.rpartition(".")
            service = TARGETS.get(prefix) or scope_service or "codecommit"
            return Route(service, self._known(service, operation), self._json(service, head), region)
        service = scope_service or self._by_host(head) or self._by_form(head)
        if service in QUERY or (
            service in ("sqs", "cloudwatch") and "x-www-form" in head.headers.get("content-type", "")
        ):
            return self.route_query(Route(service, None, "query", region), b"", head.query)
        return self._rest(service, head, region)

    def route_query(self, route: Route, body: bytes, query: str = "") -> Route:
        """The route of a query call whose form is in the body (or, for GET, in the query string)."""
        node = forms.fields(body, query).get("Action", {})
        action = node.get("", "") if isinstance(node, dict) else ""
        return replace(route, operation=self._known(route.service, action) if action else None)

    def _rest(self, service: str, head: Head, region: str) -> Route:
        model = self._models.service(service)
        protocol = model.metadata["protocol"]
        if protocol not in ("rest-json", "rest-xml"):
            return Route(service, None, self._json(service, head), region)
        path = head.path
        if service == "s3" and (match := _VIRTUAL.match(head.host)):
            path = f"/{match['bucket']}{path}"
        if service not in self._uris:
            self._uris[service] = Uris(model)
        operation, labels = self._uris[service].match(head.method, path, head.query, head.headers)
        return Route(service, operation, protocol, region, labels)

    def _scope(self, head: Head) -> tuple[str, str]:
        """Service and region that the credential is scoped to; empty for an unsigned request."""
        text = head.headers.get("authorization", "")
        if "X-Amz-Credential=" in head.query:
            found = dict(parse_qsl(head.query)).get("X-Amz-Credential", "")
            text = f"Credential={found}"
        match = _SCOPE.search(text)
        if match is None:
            return "", ""
        return self._service(match["service"]), match["region"]

    def _service(self, name: str) -> str:
        name = ALIASES.get(name, name)
        return name if name in self._models.services else ""

    def _by_host(self, head: Head) -> str:
        if _VIRTUAL.match(head.host):
            return "s3"
        match = _HOST.match(head.host)
        return self._service(match["name"]) if match else ""

    @staticmethod
    def _by_form(head: Head) -> str:
        """An unsigned form is STS's (AssumeRoleWithWebIdentity); everything else unsigned is anonymous S3."""
        return "sts" if "x-www-form-urlencoded" in head.headers.get("content-type", "") else "s3"

    def _known(self, service: str, operation: str) -> str | None:
        return operation if operation in self._models.service(service).operation_names else None

    @staticmethod
    def _json(service: str, head: Head) -> str:
        said = head.headers.get("content-type", "")
        return "json-1.0" if "amz-json-1.0" in said or (service in JSON_10 and "1.1" not in said) else "json-1.1"


def unquoted(text: str) -> str:
    """A percent-encoded path part as text; bytes that are not UTF-8 become U+FFFD."""
    return unquote(text, errors="replace")


__all__ = ["ALIASES", "FIXED_PATHS", "QUERY", "TARGETS", "Route", "Router", "unquoted"]
