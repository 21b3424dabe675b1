"""Whatever a client sends, it gets an answer of the model: a 4xx with a code, never a 5xx, never a hang."""

from __future__ import annotations

import os
import random
import zlib
from typing import Any

import botocore.exceptions
import pytest
from botocore import xform_name

from codeyard.gateway.registry import Registry
from tests.support.shapes import anything
from tests.support.yard import TestYard

CASES = 40 if os.environ.get("CODEYARD_DEEP") else 3
SERVICES = (
    "iam",
    "sts",
    "s3",
    "codecommit",
    "codebuild",
    "codedeploy",
    "codepipeline",
    "events",
    "sns",
    "logs",
    "ssm",
    "secretsmanager",
    "cloudtrail",
    "kms",
)
# Long polls by design, or calls that botocore itself refuses to send without its own parameters.
_NOT_WRITTEN = (
    botocore.exceptions.ParamValidationError,
    botocore.exceptions.InvalidEndpointConfigurationError,
    botocore.exceptions.FlexibleChecksumError,
)
NOT_SENT = {("codepipeline", "PollForJobs")}


@pytest.mark.parametrize("service", SERVICES)
def test_bad_input_never_breaks_an_operation(service: str, module_yard: TestYard) -> None:
    client = module_yard.client(service, parameter_validation=False, read_timeout=60)
    registry: Registry = module_yard.yard.gateway.registry
    faults = []
    for name in registry.built(service):
        if name not in client.meta.service_model.operation_names or (service, name) in NOT_SENT:
            continue
        shape = client.meta.service_model.operation_model(name).input_shape
        rng = random.Random(zlib.crc32(f"{service}:{name}".encode()))
        for _ in range(CASES):
            params = anything(rng, shape) if shape is not None else {}
            if (problem := _send(client, name, params)) is not None:
                faults.append(f"{name}({params!r:.300}): {problem}")

    assert faults == []


def _send(client: Any, name: str, params: dict[str, Any]) -> str | None:
    """What was wrong with the answer, or None."""
    try:
        getattr(client, xform_name(name))(**params)
    except botocore.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        if status == 501 and code == "NotImplemented":
            return None
        return None if 300 <= status < 500 and code else f"{status} {code}: {error}"
    except (*_NOT_WRITTEN, AttributeError, TypeError, ValueError, KeyError):
        return None  # botocore could not even write this request
    except botocore.exceptions.BotoCoreError as error:
        return f"{type(error).__name__}: {error}"
    return None
