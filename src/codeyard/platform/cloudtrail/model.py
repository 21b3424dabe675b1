"""What a trail is, which names it may have, and how it is shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codeyard.contract import AwsError

HOST = "cloudtrail.amazonaws.com"
TRAILS_IN_A_REGION = 5
TAGS = 50
ARN = re.compile(r"arn:aws[a-z-]*:cloudtrail:([a-z0-9-]+):(\d{12}):trail/([A-Za-z0-9._-]+)")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_SHORTEST, _LONGEST = 3, 128
_PREFIX = 200
_TOPIC = 256
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail. `config` holds what Create- and UpdateTrail set, under the answer's names; times are microseconds.

    `basic` and `advanced` are its event selectors, of which one is empty; `gone` says that it has been deleted and
    only has to deliver what was recorded before.
    """

    id: str
    account: str
    region: str
    name: str
    config: Config
    basic: Sequence[Mapping[str, Any]] = ()
    advanced: Sequence[Mapping[str, Any]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    logging: bool = False
    started: int = 0
    stopped: int = 0
    gone: bool = False

    @property
    def arn(self) -> str:
        """The trail's ARN."""
        return arn_of(self.account, self.region, self.name)

    @property
    def encryption_context(self) -> dict[str, str]:
        """What the encryption of its files is bound to; key policies ask for it."""
        return {"aws:cloudtrail:arn": self.arn}

    @property
    def bucket(self) -> str:
        """Where it delivers to."""
        return str(self.config["S3BucketName"])

    @property
    def prefix(self) -> str:
        """What stands before its keys, the slash included."""
        prefix = str(self.config.get("S3KeyPrefix") or "")
        return f"{prefix}/" if prefix else ""

    @property
    def everywhere(self) -> bool:
        """Whether it follows every region."""
        return bool(self.config["IsMultiRegionTrail"])

    @property
    def validated(self) -> bool:
        """Whether digests are made of its files."""
        return bool(self.config["LogFileValidationEnabled"])


def arn_of(account: str, region: str, name: str) -> str:
    """The ARN of a trail."""
    return f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"


def settings(trail: Trail) -> dict[str, Any]:
    """The answer of Create- and UpdateTrail."""
    return {"Name": trail.name, "TrailARN": trail.arn, **trail.config}


def described(trail: Trail) -> dict[str, Any]:
    """The trail as DescribeTrails and GetTrail show it."""
    custom = bool(trail.basic or trail.advanced)
    more = {"HomeRegion": trail.region, "HasCustomEventSelectors": custom, "HasInsightSelectors": False}
    return {**settings(trail), **more}


def check_name(name: str) -> str:
    """The name, or InvalidTrailNameException in AWS's words."""
    if len(name) < _SHORTEST:
        found = f"Minimum allowed length: {_SHORTEST} characters. Specified name length: {len(name)} characters."
        raise bad_name(f"Trail name too short. {found}")
    if len(name) > _LONGEST:
        found = f"Maximum allowed length: {_LONGEST} characters. Specified name length: {len(name)} characters."
        raise bad_name(f"Trail name too long. {found}")
    if not _NAME.fullmatch(name):
        kinds = "uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_)"
        raise bad_name(f"Trail name or ARN can only contain {kinds}.")
    if not name[0].isalnum():
        raise bad_name("Trail name must starts with a letter or number.")
    if not name[-1].isalnum():
        raise bad_name("Trail name must ends with a letter or number.")
    if re.search(r"[._-]{2}", name) or _ADDRESS.fullmatch(name):
        raise bad_name("Trail name cannot have adjacent periods, underscores or dashes, nor be an IP address.")
    return name


def bad_name(message: str) -> AwsError:
    """InvalidTrailNameException."""
    return AwsError("InvalidTrailNameException", message)


def reference(given: str, account: str, region: str) -> tuple[str, str, str]:
    """(account, region, name) that a name or an ARN names; CloudTrail's exceptions for what is neither."""
    if not given.startswith("arn:"):
        return account, region, check_name(given)
    found = ARN.fullmatch(given)
    if found is None:
        raise AwsError("CloudTrailARNInvalidException", f"{given} is not the ARN of a trail.")
    return found[2], found[1], found[3]


def unknown(given: str, account: str, region: str) -> AwsError:
    """TrailNotFoundException, in AWS's words."""
    arn = given if given.startswith("arn:") else arn_of(account, region, given)
    return AwsError("TrailNotFoundException", f"Unknown trail: {arn} for the user: {account}")


def check_bucket(name: str) -> None:
    """InvalidS3BucketNameException for what no bucket can be called."""
    if not BUCKET.fullmatch(name) or ".." in name:
        raise AwsError("InvalidS3BucketNameException", f"{name[:64]} is not a valid S3 bucket name.")


def check_prefix(prefix: str) -> None:
    """InvalidS3PrefixException for a prefix that is too long or could not be part of the keys."""
    if len(prefix) > _PREFIX or prefix.startswith("/") or prefix.endswith("/") or not prefix.isprintable():
        text = f"The S3 prefix has at most {_PREFIX} characters and no slash at its ends."
        raise AwsError("InvalidS3PrefixException", text)


def topic_arn(given: str, account: str, region: str) -> str:
    """The ARN of a topic that is given by ARN or name."""
    if len(given) > _TOPIC:
        raise AwsError("InvalidSnsTopicNameException", "The SNS topic name has more than 256 characters.")
    if given.startswith("arn:"):
        if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+", given):
            raise AwsError("InvalidSnsTopicNameException", f"{given} is not the ARN of an SNS topic.")
        return given
    if not re.fullmatch(r"[A-Za-z0-9_-]+", given):
        raise AwsError("InvalidSnsTopicNameException", f"{given} is not a valid SNS topic name.")
    return f"arn:aws:sns:{region}:{account}:{given}"


def check_combination(config: Config) -> None:
    """InvalidParameterCombinationException for a multi-region trail without global service events."""
    if config["IsMultiRegionTrail"] and not config["IncludeGlobalServiceEvents"]:
        text = "Multi-Region trail must include global service events."
        raise AwsError("InvalidParameterCombinationException", text)
