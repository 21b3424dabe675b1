"""CodeBuild: projects and builds; and the protocol by which runners take builds and report."""

from __future__ import annotations

from collections.abc import Mapping

from codeyard.contract import AwsError, Part, Violation
from codeyard.engine import Kit
from codeyard.services.codebuild import store
from codeyard.services.codebuild.access import RUNNER_ACCESS, access
from codeyard.services.codebuild.api import CodeBuild
from codeyard.services.codebuild.engine import BUILD, PROJECT, QUEUE, BuildEngine
from codeyard.services.codebuild.errors import error_for
from codeyard.services.codebuild.runners import Runners, enrol
from codeyard.storage import loads

__all__ = ["enrol", "parts"]


def parts(kit: Kit) -> tuple[Part, Part]:
    """The service for its users, and the one for runners."""
    engine = BuildEngine(kit)

    def tags_of(account: str, region: str, name: str) -> Mapping[str, str]:
        row = kit.db.read(lambda tx: store.project_row(tx, account, region, name))
        return {t["key"]: t.get("value", "") for t in loads(row.doc).get("tags") or ()} if row is not None else {}

    builds = Part(
        service="codebuild",
        api=CodeBuild(kit, engine),
        access=access(tags_of),
        errors=error_for,
        reconcilers={BUILD: engine.look, PROJECT: engine.offer},
        lapsed_jobs={QUEUE: engine.lapsed},
    )
    runners = Part("codeyard-runner", Runners(kit, engine), RUNNER_ACCESS, _runner_error)
    return builds, runners


def _runner_error(operation: str, violation: Violation) -> AwsError:
    return AwsError("InvalidRequestException", violation.message)
