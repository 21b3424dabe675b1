"""What a runner must be allowed to do. Whether a caller is a registered runner is checked by the operations too."""

from __future__ import annotations

from codeyard.contract import Access, AwsError, Check, Params, Scope, Violation

OPERATIONS = (
    "CreateRunnerToken",
    "RegisterRunner",
    "ClaimJob",
    "Heartbeat",
    "PutLogs",
    "PutPhase",
    "PutSourceResolved",
    "CompleteJob",
)


def _on_runner(action: str) -> Access:
    def checks(scope: Scope, params: Params) -> tuple[Check, ...]:
        return (Check(action, scope.arn("codeyard-runner", f"runner/{scope.principal.name or '*'}")),)

    return checks


ACCESS: dict[str, Access] = {name: _on_runner(f"codeyard-runner:{name}") for name in OPERATIONS}


def error_for(operation: str, violation: Violation) -> AwsError:
    """Every broken constraint is an InvalidRequestException."""
    return AwsError("InvalidRequestException", violation.message)
