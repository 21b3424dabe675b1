"""Makes a runner known: an IAM user of its own with the least policy, and a one-time registration token."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import AwsError
from codeyard.services.codebuild.runners.access import OPERATIONS

# call(service, operation, params) -> answer: an API call as whoever may enrol runners
Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]
USER_PATH = "/codeyard/runners/"


def enrol(call: Call, name: str, kept: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Make the runner's IAM user with the least policy that it needs; its keys and a one-time registration token.

    `kept` is what an earlier enrolment gave: where it has keys they stay, so that builds that run keep theirs.
    """
    if kept and kept.get("access_key_id") and _stand(call, name, str(kept["access_key_id"])):
        names = ("access_key_id", "secret_access_key", "token", "name")
        return {one: str(kept[one]) for one in names if kept.get(one)}
    token = str(call("codeyard-runner", "CreateRunnerToken", {})["token"])
    return {"name": name, **_make_user(call, name), "token": token}


def _stand(call: Call, name: str, key: str) -> bool:
    """Whether the user still has that key."""
    try:
        found = call("iam", "ListAccessKeys", {"UserName": user_name(name)}).get("AccessKeyMetadata", [])
    except AwsError:
        return False
    return any(one["AccessKeyId"] == key and one.get("Status") == "Active" for one in found)


def user_name(name: str) -> str:
    """The IAM user that a runner calls as."""
    return name if name.startswith("codeyard-runner") else f"codeyard-runner-{name}"[:64]


def _make_user(call: Call, name: str) -> dict[str, str]:
    user = user_name(name)
    needed = [f"codeyard-runner:{name}" for name in OPERATIONS if name != "CreateRunnerToken"]
    allow = {"Effect": "Allow", "Action": needed, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    try:
        call("iam", "CreateUser", {"UserName": user, "Path": USER_PATH})
    except AwsError as error:  # an earlier enrolment's user, whose file is lost: its keys are replaced
        if not error.code.startswith("EntityAlreadyExists"):  # on the wire the name has no "Exception"
            raise
        for key in call("iam", "ListAccessKeys", {"UserName": user}).get("AccessKeyMetadata", []):
            call("iam", "DeleteAccessKey", {"UserName": user, "AccessKeyId": key["AccessKeyId"]})
    call("iam", "PutUserPolicy", {"UserName": user, "PolicyName": "runner", "PolicyDocument": policy})
    made = call("iam", "CreateAccessKey", {"UserName": user})["AccessKey"]
    return {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
