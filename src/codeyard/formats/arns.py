"""Amazon resource names, taken apart and put together."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|aws|):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Arn:
    """The parts of an ARN; `resource` is everything after the account, colons and slashes included."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def name(self) -> str:
        """What follows the resource's type (`role/path/name` gives `path/name`)."""
        return re.split(r"[/:]", self.resource, maxsplit=1)[-1]


def parse(text: str) -> Arn | None:
    """The ARN, None where the text is not one."""
    found = _ARN.fullmatch(text)
    return Arn(*found.groups()) if found else None


def is_role(text: str) -> bool:
    """Whether the text is the ARN of an IAM role."""
    found = parse(text)
    return found is not None and found.service == "iam" and found.resource.startswith("role/")


def s3_place(location: str) -> tuple[str, str]:
    """(bucket, key) of `bucket/key` or `arn:aws:s3:::bucket/key`; an empty key where there is none."""
    found = parse(location)
    text = found.resource if found is not None and found.service == "s3" else location
    bucket, _, key = text.partition("/")
    return bucket, key
