"""The routing table, row by row, and its static tables against the models."""

from __future__ import annotations

import pytest

from codeyard.wire.http import Head
from codeyard.wire.models import Models
from codeyard.wire.routing import FIXED_PATHS, Router
from codeyard.wire.services import ENABLED, SIGNING, TARGETS

MODELS = Models(ENABLED)
ROUTER = Router(MODELS, "us-east-1", ["yard.test"])


def _head(method: str, target: str, scope: str = "", **headers: str) -> Head:
    path, _, query = target.partition("?")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if scope:
        given["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/{scope}/aws4_request, SignedHeaders=host, Signature=0"
        )
    return Head(method, path, query, {"host": "127.0.0.1:4000", **given})


def _where(head: Head) -> tuple[str, str | None, str]:
    route = ROUTER.route(head)
    return route.service, route.operation, route.protocol


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (
            _head("POST", "/", "codecommit", x_amz_target="CodeCommit_20150413.GetBranch"),
            ("codecommit", "GetBranch", "json"),
        ),
        (_head("POST", "/", "", x_amz_target="CodeCommit_20150413.GetBranch"), ("codecommit", "GetBranch", "json")),
        (_head("POST", "/", "codecommit", x_amz_target="CodeCommit_20150413.Nope"), ("codecommit", None, "json")),
        (_head("POST", "/", "kms", x_amz_target="CodeCommit_20150413.GetBranch"), ("kms", None, "json")),
        (_head("POST", "/", "nope", x_amz_target="Nope.Nope"), ("nope", None, "json")),
        (
            _head("POST", "/service/CodePipeline_20150709/operation/ListPipelines", "codepipeline"),
            ("codepipeline", "ListPipelines", "smithy-rpc-v2-cbor"),
        ),
        (
            _head("POST", "/service/CodeConnections_20231201/operation/ListHosts", "codeconnections"),
            ("codeconnections", "ListHosts", "smithy-rpc-v2-cbor"),
        ),
        (
            _head("POST", "/service/CodeCommit_20150413/operation/GetBranch", "codecommit"),
            ("codecommit", None, "smithy-rpc-v2-cbor"),
        ),
        (_head("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts"), ("sts", "GetCallerIdentity", "query")),
        (_head("POST", "/", "iam"), ("iam", None, "query")),
        (_head("GET", "/bucket/key", ""), ("s3", "GetObject", "rest-xml")),
        (_head("GET", "/b?X-Amz-Credential=A%2F20260101%2Fr%2Fs3%2Faws4_request"), ("s3", "ListObjects", "rest-xml")),
        (_head("GET", "/bucket?list-type=2", "s3"), ("s3", "ListObjectsV2", "rest-xml")),
        (_head("GET", "/bucket/", "s3"), ("s3", "ListObjects", "rest-xml")),
        (_head("GET", "/", "s3"), ("s3", "ListBuckets", "rest-xml")),
        (_head("GET", "/bucket?versioning", "s3"), ("s3", "GetBucketVersioning", "rest-xml")),
        (_head("GET", "/bucket?versions&prefix=a", "s3"), ("s3", "ListObjectVersions", "rest-xml")),
        (_head("HEAD", "/bucket/a/b", "s3"), ("s3", "HeadObject", "rest-xml")),
        (_head("HEAD", "/bucket", "s3"), ("s3", "HeadBucket", "rest-xml")),
        (_head("PUT", "/bucket/a", "s3"), ("s3", "PutObject", "rest-xml")),
        (_head("PUT", "/bucket/a", "s3", x_amz_copy_source="b/k"), ("s3", "CopyObject", "rest-xml")),
        (_head("PUT", "/bucket/a?partNumber=1&uploadId=u", "s3"), ("s3", "UploadPart", "rest-xml")),
        (
            _head("PUT", "/bucket/a?partNumber=1&uploadId=u", "s3", x_amz_copy_source="b/k"),
            ("s3", "UploadPartCopy", "rest-xml"),
        ),
        (_head("POST", "/bucket/a?uploads", "s3"), ("s3", "CreateMultipartUpload", "rest-xml")),
        (_head("POST", "/bucket/a?uploadId=u", "s3"), ("s3", "CompleteMultipartUpload", "rest-xml")),
        (_head("GET", "/bucket/a?uploadId=u", "s3"), ("s3", "ListParts", "rest-xml")),
        (_head("DELETE", "/bucket/a?uploadId=u", "s3"), ("s3", "AbortMultipartUpload", "rest-xml")),
        (_head("DELETE", "/bucket/a", "s3"), ("s3", "DeleteObject", "rest-xml")),
        (_head("POST", "/bucket?delete", "s3"), ("s3", "DeleteObjects", "rest-xml")),
        (_head("POST", "/bucket", "s3"), ("s3", None, "rest-xml")),
        (_head("GET", "/bucket/service/X/operation/Y", "s3"), ("s3", "GetObject", "rest-xml")),
        (_head("GET", "/a/b", "", host="bucket.s3.localhost:4000"), ("s3", "GetObject", "rest-xml")),
        (_head("GET", "/", "s3", host="my.bucket.s3.eu-west-1.amazonaws.com"), ("s3", "ListObjects", "rest-xml")),
        (_head("PUT", "/key", "s3", host="bucket.yard.test"), ("s3", "PutObject", "rest-xml")),
        (_head("GET", "/bucket", "s3", host="s3.eu-west-1.amazonaws.com"), ("s3", "ListObjects", "rest-xml")),
        (
            _head("GET", "/", "s3", host="b-fips.s3.dualstack.us-west-2.amazonaws.com"),
            ("s3", "ListObjects", "rest-xml"),
        ),
        (_head("GET", "/b", "s3", host="s3-fips.dualstack.us-west-2.amazonaws.com"), ("s3", "ListObjects", "rest-xml")),
        (_head("GET", "/b", "", host="s3.amazonaws.com"), ("s3", "ListObjects", "rest-xml")),
        (_head("POST", "/", "", host="git-codecommit.us-east-1.amazonaws.com"), ("codecommit", None, "rest-json")),
        (_head("POST", "/", "", host="sts.amazonaws.com"), ("sts", None, "query")),
        (_head("POST", "/", "", host="codepipeline.us-east-1.amazonaws.com"), ("codepipeline", None, "rest-json")),
        (
            _head("POST", "/?Action=ListUsers", "", host="iam.amazonaws.com"),
            ("iam", "ListUsers", "query"),
        ),
        (
            _head("GET", "/v1/package-group?domain=d&package-group=g", "codeartifact"),
            ("codeartifact", "DescribePackageGroup", "rest-json"),
        ),
        (_head("GET", "/nothing/here", "codeartifact"), ("codeartifact", None, "rest-json")),
        (_head("GET", "/2015-03-31/functions", "lambda"), ("lambda", "ListFunctions", "rest-json")),
    ],
    ids=str,
)
def test_a_request_goes_where_the_table_says(head: Head, expected: tuple[str, str | None, str]) -> None:
    assert _where(head) == expected


def test_the_region_is_the_scopes_then_the_hosts_then_ours() -> None:
    assert ROUTER.route(_head("GET", "/b", "s3")).region == "eu-west-1"
    assert ROUTER.route(_head("GET", "/b", host="s3.ap-south-1.amazonaws.com")).region == "ap-south-1"
    assert ROUTER.route(_head("GET", "/b")).region == "us-east-1"


def test_labels_are_decoded_and_a_virtual_hosts_bucket_is_one() -> None:
    assert ROUTER.route(_head("GET", "/b/a%2Fb%20c/%C3%A9", "s3")).labels == {"Bucket": "b", "Key": "a/b c/é"}
    assert ROUTER.route(_head("GET", "/k", "s3", host="bucket.localhost")).labels == {"Bucket": "bucket", "Key": "k"}


def test_the_action_of_a_form_is_found_in_its_body() -> None:
    route = ROUTER.route(_head("POST", "/", "iam"))
    assert ROUTER.route_query(route, b"Version=1&Action=ListUsers").operation == "ListUsers"
    assert ROUTER.route_query(route, b"Action=Nope").operation is None
    assert ROUTER.route_query(route, b"XAction=ListUsers").operation is None


@pytest.mark.parametrize("target", ["%", "//", "/%zz?%=&&=", "/\xff?\xff=\xff", "/{}", "/service//operation/"])
def test_no_target_whatever_makes_routing_raise(target: str) -> None:
    for scope in ("", "s3", "lambda", "iam", "codecommit", "nope", "/"):
        for method in ("GET", "POST", "BREW"):
            ROUTER.route(_head(method, target, scope))


def test_the_table_of_target_prefixes_is_the_models() -> None:
    stated = {MODELS.service(s).metadata.get("targetPrefix"): s for s in ENABLED}
    stated.pop(None)
    assert stated == TARGETS


def test_the_table_of_signing_names_covers_the_models() -> None:
    names = {s: s for s in ENABLED} | SIGNING
    for service in ENABLED:
        model = MODELS.service(service)
        assert names[model.endpoint_prefix] == service
        assert names[model.signing_name] == service


def test_our_own_models_are_found_by_their_prefix_and_aliases() -> None:
    commands = _head("POST", "/", "", x_amz_target="CodeDeployCommandService_v20141006.PollHostCommand")
    assert _where(commands) == ("codedeploy-commands", "PollHostCommand", "json")
    aliased = _head("POST", "/", "codedeploy-commands-secure", x_amz_target="CodeDeployCommandService.PollHostCommand")
    assert _where(aliased)[:2] == ("codedeploy-commands", "PollHostCommand")


def test_making_models_loads_none() -> None:
    models = Models(ENABLED)
    Router(models, "us-east-1")
    assert not models._models


def test_fixed_paths_are_absolute() -> None:
    assert all(path.startswith("/") for path in FIXED_PATHS)
