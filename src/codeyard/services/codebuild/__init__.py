"""CodeBuild: projects and builds; and the protocol by which runners, elsewhere or here, do the building."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.services.codebuild import access as door
from codeyard.services.codebuild import errors
from codeyard.services.codebuild.api import CodeBuild
from codeyard.services.codebuild.engine import BUILD, LOGS, QUEUE, REVOKE, BuildEngine
from codeyard.services.codebuild.logs import BuildLogs
from codeyard.services.codebuild.runners import access as runner_door
from codeyard.services.codebuild.runners import enrol
from codeyard.services.codebuild.runners.api import RunnerProtocol
from codeyard.services.codebuild.runners.offers import BUILDS


def parts(kit: Kit) -> tuple[Part, Part]:
    """Both services: `codebuild` and the runners' `codeyard-runner`, which share the engine."""
    logs = BuildLogs(kit)
    engine = BuildEngine(kit, logs)
    builds = Part(
        service="codebuild",
        api=CodeBuild(kit, engine),
        access=door.ACCESS,
        errors=errors.error_for,
        effects={REVOKE: engine.revoke},
        reconcilers={BUILD: engine.look, QUEUE: engine.admit, LOGS: logs.ship},
    )
    claims = RunnerProtocol(kit, engine, logs)
    protocol = Part(
        service="codeyard-runner",
        api=claims,
        access=runner_door.ACCESS,
        errors=runner_door.error_for,
        lapsed_jobs={BUILDS: engine.lapsed},
        on_stop=claims._close,
    )
    return builds, protocol


__all__ = ["enrol", "parts"]
