"""Makes a runner known: an IAM user of its own with the least policy, a one-time token, and its configuration file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# call(service, operation, params) -> answer: an API call as whoever may enrol runners
Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]
USER_PATH = "/codeyard/runners/"


def enrol(call: Call, name: str, config: Path, *, endpoint: str, region: str, ca: Path | None = None) -> Path:
    """Write the file that `codeyard runner --config` starts from; a file that is there only learns the endpoint."""
    facts = _kept(config)
    if facts is None:
        facts = {"name": name, "work_dir": str(config.parent / "work"), **_make_user(call, name)}
        facts["token"] = call("codeyard-runner", "CreateRunnerToken", {})["token"]
    facts.update(endpoint=endpoint, region=region, ca=str(ca) if ca else "")
    _write_private(config, json.dumps(facts, indent=1))
    return config


def user_name(name: str) -> str:
    """The IAM user that a runner calls as."""
    return f"codeyard-runner-{name}"[:64]


def _make_user(call: Call, name: str) -> dict[str, str]:
    user = user_name(name)
    allow = {"Effect": "Allow", "Action": [f"codeyard-runner:{n}" for n in _NEEDED], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    try:
        call("iam", "CreateUser", {"UserName": user, "Path": USER_PATH})
    except Exception as error:  # an earlier enrolment's user, whose file is lost: its keys are replaced
        if getattr(error, "code", "") != "EntityAlreadyExists":
            raise
        for key in call("iam", "ListAccessKeys", {"UserName": user}).get("AccessKeyMetadata", []):
            call("iam", "DeleteAccessKey", {"UserName": user, "AccessKeyId": key["AccessKeyId"]})
    call("iam", "PutUserPolicy", {"UserName": user, "PolicyName": "runner", "PolicyDocument": policy})
    made = call("iam", "CreateAccessKey", {"UserName": user})["AccessKey"]
    return {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}


_NEEDED = (
    "RegisterRunner",
    "ClaimJob",
    "Heartbeat",
    "PutLogs",
    "PutPhase",
    "PutSourceResolved",
    "CompleteJob",
)


def _kept(config: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(config.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("access_key_id") else None


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
