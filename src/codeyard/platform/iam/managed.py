"""AWS's own managed policies that the suite's users attach: by ARN, as AWS published them.

A policy of AWS's whose text was not found does not exist here, rather than existing with made-up content. Each is told
in docs/reference with the version that is here and the page of AWS's that it is from.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from codeyard.platform.iam.managed_basics import BASICS
from codeyard.platform.iam.managed_code import CODE
from codeyard.platform.iam.managed_more import MORE
from codeyard.platform.iam.model import ManagedPolicy, arn
from codeyard.storage import dumps

_MADE = 1_423_180_800_000_000  # 2015-02-06T00:00:00Z: the date that most of AWS's own carry
_PAGES = "https://docs.aws.amazon.com/aws-managed-policy/latest/reference"


def source(name: str) -> str:
    """Where AWS publishes the policy of that name."""
    return f"{_PAGES}/{name}.html"


class AwsManaged:
    """AWS's managed policies by ARN."""

    def __init__(self) -> None:
        table = {**BASICS, **CODE, **MORE}
        made = [self._policy(name, path, version) for name, (path, version, _) in sorted(table.items())]
        self.policies: Mapping[str, ManagedPolicy] = {policy.arn: policy for policy in made}
        self._documents = {
            policy.arn: dumps({"Version": "2012-10-17", "Statement": list(table[policy.name][2])}) for policy in made
        }

    def document(self, policy_arn: str) -> str | None:
        """The document of an AWS managed policy, None when it is not one."""
        return self._documents.get(policy_arn)

    @staticmethod
    def _policy(name: str, path: str, version: str) -> ManagedPolicy:
        unique = "ANPA" + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:17]
        number = int(version.removeprefix("v"))
        return ManagedPolicy(unique, "aws", name, path, arn("policy", "aws", path, name), "", number, _MADE, _MADE)
