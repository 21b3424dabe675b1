"""The tables of CodeDeploy. Names are scoped by account and region; bodies are JSON."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.storage import Key, schema


def _scoped(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, Key(), primary_key=True) for name in ("account", "region", *names)]


applications = sa.Table(
    "codedeploy_applications",
    schema,
    *_scoped("name"),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
groups = sa.Table(
    "codedeploy_groups",
    schema,
    *_scoped("application", "name"),
    sa.Column("id", Key(), nullable=False, unique=True),
    sa.Column("config_name", Key(), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("revision", sa.Text),
    sa.Column("last_successful", sa.Text),
    sa.Column("last_attempted", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
configs = sa.Table(
    "codedeploy_configs",
    schema,
    *_scoped("name"),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
instances = sa.Table(
    "codedeploy_instances",
    schema,
    *_scoped("name"),
    sa.Column("arn", Key(), nullable=False),
    sa.Column("iam_user_arn", Key()),
    sa.Column("iam_session_arn", Key()),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    sa.Column("deregistered_at", sa.BigInteger),
    sa.Column("seen_at", sa.BigInteger),
    sa.Column("tags", sa.Text, nullable=False),
)
revisions = sa.Table(
    "codedeploy_revisions",
    schema,
    *_scoped("application", "key"),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("bucket", Key()),
    sa.Column("object", Key()),
    sa.Column("description", sa.Text),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    sa.Column("first_used_at", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
)
deployments = sa.Table(
    "codedeploy_deployments",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("application", Key(), nullable=False),
    sa.Column("group_name", Key(), nullable=False),
    sa.Column("group_id", Key(), nullable=False),
    sa.Column("status", Key(), nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("revision_key", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("minimum", sa.BigInteger, nullable=False),
    sa.Column("stopping", sa.BigInteger, nullable=False),
    sa.Column("fault", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("completed_at", sa.BigInteger),
    sa.Index("ix_codedeploy_deployments_group", "group_id", "status"),
    sa.Index("ix_codedeploy_deployments_time", "account", "region", "created_at", "id"),
)
targets = sa.Table(
    "codedeploy_targets",
    schema,
    sa.Column("token", Key(), primary_key=True),
    sa.Column("deployment_id", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("arn", sa.Text, nullable=False),
    sa.Column("identifier", Key(), nullable=False),
    sa.Column("standing", sa.Text, nullable=False),
    sa.Column("status", Key(), nullable=False),
    sa.Column("events", sa.Text, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("command", Key(), nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("deployment_id", "name"),
    sa.Index("ix_codedeploy_targets_command", "command", "identifier"),
)
health = sa.Table(
    "codedeploy_health",
    schema,
    sa.Column("group_id", Key(), primary_key=True),
    sa.Column("instance", Key(), primary_key=True),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("healthy", sa.BigInteger, nullable=False),
    sa.Column("deployment_id", sa.Text, nullable=False),
)
tags = sa.Table(
    "codedeploy_tags",
    schema,
    sa.Column("arn", Key(), primary_key=True),
    sa.Column("tags", sa.Text, nullable=False),
)
signers = sa.Table(
    "codedeploy_signers",
    schema,
    sa.Column("name", Key(), primary_key=True),
    sa.Column("sealed_key", sa.LargeBinary, nullable=False),
    sa.Column("certificate", sa.Text, nullable=False),
)
