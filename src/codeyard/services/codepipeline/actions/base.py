"""What an action provider is told, and what it answers. Every call it makes goes through `run.client`: the pipeline's
service role, really assumed. An AwsError out of a provider fails the action; anything that may pass is retried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from codeyard.contract import AwsError, Client
from codeyard.services.codepipeline.artifacts import Artifact

JOB_FAILED, CONFIGURATION, PERMISSION = "JobFailed", "ConfigurationError", "PermissionError"


@dataclass(frozen=True, slots=True)
class Revision:
    """The source revision that a source action took."""

    id: str
    summary: str = ""
    url: str = ""
    created: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt of one action. `again` is set when an earlier call may already have begun it."""

    id: str
    account: str
    region: str
    pipeline: str
    execution: str
    stage: str
    action: str
    configuration: Mapping[str, str]
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]
    client: Client
    started: int
    deadline: int
    again: bool = False
    token: str = ""
    external_id: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    console: str = ""
    key: str = ""  # the KMS key of the artifact store

    @property
    def encryption(self) -> dict[str, str]:
        """What an artifact is put with."""
        return encrypted_by(self.key)

    @property
    def pipeline_arn(self) -> str:
        """The pipeline's ARN."""
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.pipeline}"


def encrypted_by(key: str) -> dict[str, str]:
    """PutObject's and CopyObject's members for a KMS key; none where none is named."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


@dataclass(frozen=True, slots=True)
class Running:
    """The action goes on elsewhere, under the external id; an event or the next look tells its end."""

    external_id: str = ""
    external_url: str = ""
    summary: str = ""
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The action succeeded."""

    external_id: str = ""
    external_url: str = ""
    summary: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    revision: Revision | None = None
    log_stream: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The action failed, with errorDetails' code and message."""

    code: str
    message: str
    external_id: str = ""
    external_url: str = ""
    log_stream: str = ""


Outcome = Running | Done | Failed


class ActionProvider(Protocol):
    """Runs one type of action. `start` may be called again with the same run after a crash: it must not do the work
    twice. `observe` asks how the work behind `run.external_id` stands."""

    def start(self, run: Run) -> Outcome:
        """Begin the work, or do it whole."""

    def observe(self, run: Run) -> Outcome:
        """How the work stands now."""


def passing(error: AwsError) -> bool:
    """Whether a refusal may pass by itself, so that the call is worth another try."""
    if error.code == "NotImplemented":
        return False
    return error.code.startswith(("Throttl", "InternalFailure", "InternalError", "ServiceUnavailable", "SlowDown"))


def denied(error: AwsError) -> bool:
    """Whether it is a refusal by policy."""
    return error.status == 403 or error.code in ("AccessDenied", "AccessDeniedException", "AuthorizationError")


def failure(error: AwsError) -> Failed:
    """What an AwsError makes of the action."""
    if denied(error):
        return Failed(
            PERMISSION,
            "The service role or action role doesn't have the permissions required for this action. "
            f"Details: {error.message or error.code}",
        )
    return Failed(CONFIGURATION, f"{error.code}: {error.message}" if error.message else error.code)


def iso(moment: Any) -> str:
    """2019-10-29T03:32:21Z of a datetime, or of git's "1572319941 +0100"; other text as it is."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = str(moment).split(" ")[0]
    if not seconds.isdigit() or len(seconds) > 11:
        return str(moment)
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
