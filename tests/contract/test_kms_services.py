"""Services that keep things under KMS keys, used with boto3: as the caller, through the service, on the trail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.yard import TestYard


def allow(action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**found, "Condition": condition} if condition else found


def error(call: Any, **params: Any) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def test_whoever_may_use_a_service_may_use_its_aws_managed_key_through_it(module_yard: TestYard) -> None:
    keys = module_yard.user("without-kms", [allow(["ssm:*", "secretsmanager:*"])])
    ssm, secrets = (module_yard.client(name, keys=keys) for name in ("ssm", "secretsmanager"))
    ssm.put_parameter(Name="/managed", Value="one", Type="SecureString")
    assert ssm.get_parameter(Name="/managed", WithDecryption=True)["Parameter"]["Value"] == "one"
    secrets.create_secret(Name="managed", SecretString="two")
    assert secrets.get_secret_value(SecretId="managed")["SecretString"] == "two"
    assert error(module_yard.client("kms", keys=keys).encrypt, KeyId="alias/aws/ssm", Plaintext=b"x") == (
        "AccessDeniedException"
    )


def test_a_customer_key_is_used_by_who_may_use_it_through_the_service_that_is_named(module_yard: TestYard) -> None:
    arn = module_yard.client("kms").create_key()["KeyMetadata"]["Arn"]
    through = allow("kms:*", arn, StringEquals={"kms:ViaService": "ssm.us-east-1.amazonaws.com"})
    may = module_yard.user("through-ssm", [allow(["ssm:*", "secretsmanager:*"]), through])
    may_not = module_yard.user("not-through-ssm", [allow("ssm:*")])
    ssm = module_yard.client("ssm", keys=may)
    ssm.put_parameter(Name="/through", Value="one", Type="SecureString", KeyId=arn)
    asked = {"Name": "/through", "WithDecryption": True}
    assert ssm.get_parameter(**asked)["Parameter"]["Value"] == "one"
    assert error(module_yard.client("ssm", keys=may_not).get_parameter, **asked) == "AccessDeniedException"
    secrets = module_yard.client("secretsmanager", keys=may)
    assert error(secrets.create_secret, Name="through", SecretString="x", KmsKeyId=arn) == "AccessDeniedException"


def test_a_disabled_key_is_told_by_each_service_in_its_own_words(module_yard: TestYard) -> None:
    kms, ssm, secrets = (module_yard.client(name) for name in ("kms", "ssm", "secretsmanager"))
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    ssm.put_parameter(Name="/disabled", Value="one", Type="SecureString", KeyId=arn)
    secrets.create_secret(Name="disabled", SecretString="x", KmsKeyId=arn)
    kms.disable_key(KeyId=arn)
    assert error(ssm.get_parameter, Name="/disabled", WithDecryption=True) == "InvalidKeyId"
    assert error(secrets.get_secret_value, SecretId="disabled") == "DecryptionFailure"
    kms.enable_key(KeyId=arn)
    assert secrets.get_secret_value(SecretId="disabled")["SecretString"] == "x"


def test_a_use_through_a_service_is_on_the_trail_as_the_callers_own(module_yard: TestYard) -> None:
    kms, ssm = module_yard.client("kms"), module_yard.client("ssm")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    ssm.put_parameter(Name="/on-the-trail", Value="hidden-value-of-a-test", Type="SecureString", KeyId=arn)
    ssm.get_parameter(Name="/on-the-trail", WithDecryption=True)
    mine = [one for one in module_yard.trail() if any(r["ARN"] == arn for r in one.get("resources", ()))]
    assert sorted(one["eventName"] for one in mine) == ["Decrypt", "Encrypt"]
    for record in mine:
        assert record["userIdentity"]["userName"] == "admin"
        assert record["userIdentity"]["invokedBy"] == "ssm.amazonaws.com"
        context = record["requestParameters"]["encryptionContext"]
        assert context == {"PARAMETER_ARN": f"arn:aws:ssm:us-east-1:{module_yard.account}:parameter/on-the-trail"}
    assert "hidden-value-of-a-test" not in json.dumps(module_yard.trail())
