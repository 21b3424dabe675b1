"""CodePipeline says ValidationException for every broken constraint, in the words that its API uses."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """The modelled error of a constraint of the model."""
    return AwsError("ValidationException", violation.message)


def pipeline_not_found(account: str, name: str) -> AwsError:
    """No pipeline of that name."""
    return AwsError("PipelineNotFoundException", f"Account '{account}' does not have a pipeline with name '{name}'")


def execution_not_found(execution_id: str) -> AwsError:
    """No such execution of the pipeline."""
    return AwsError(
        "PipelineExecutionNotFoundException",
        f"The pipeline execution could not be found. The pipeline execution ID that was provided is {execution_id}",
    )


def stage_not_found(pipeline: str, stage: str) -> AwsError:
    """The pipeline has no such stage."""
    return AwsError("StageNotFoundException", f"Pipeline '{pipeline}' does not have a stage with name '{stage}'")


def action_not_found(pipeline: str, stage: str, action: str) -> AwsError:
    """The stage has no such action."""
    return AwsError(
        "ActionNotFoundException",
        f"Stage '{stage}' of pipeline '{pipeline}' does not have an action with name '{action}'",
    )
