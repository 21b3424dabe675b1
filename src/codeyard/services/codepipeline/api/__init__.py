"""CodePipeline's operations, by noun."""

from __future__ import annotations

from codeyard.services.codepipeline.api.approvals import Approvals
from codeyard.services.codepipeline.api.custom_types import CustomTypes
from codeyard.services.codepipeline.api.executions import Executions
from codeyard.services.codepipeline.api.history import History
from codeyard.services.codepipeline.api.jobs import Jobs
from codeyard.services.codepipeline.api.pipelines import Pipelines
from codeyard.services.codepipeline.api.retries import Retries
from codeyard.services.codepipeline.api.revisions import Revisions
from codeyard.services.codepipeline.api.rollbacks import Rollbacks
from codeyard.services.codepipeline.api.state import State
from codeyard.services.codepipeline.api.tags import Tags
from codeyard.services.codepipeline.api.transitions import Transitions
from codeyard.services.codepipeline.api.webhooks import Webhooks


class CodePipeline(
    Pipelines,
    Executions,
    Retries,
    Rollbacks,
    Revisions,
    State,
    History,
    Approvals,
    Transitions,
    Tags,
    CustomTypes,
    Jobs,
    Webhooks,
):
    """One method an operation, named as boto3 names it."""
