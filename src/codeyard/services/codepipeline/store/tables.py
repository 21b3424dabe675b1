"""The tables. Times are microseconds, booleans 0/1, JSON is text."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Table, Text

from codeyard.storage import Key, schema

pipelines = Table(
    "codepipeline_pipelines",
    schema,
    Column("uid", Key(), primary_key=True),
    Column("account", Key(), nullable=False),
    Column("region", Key(), nullable=False),
    Column("name", Key(), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("role_arn", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("executions", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("tags", Text, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
)

versions = Table(
    "codepipeline_versions",
    schema,
    Column("uid", Key(), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

transitions = Table(
    "codepipeline_transitions",
    schema,
    Column("uid", Key(), primary_key=True),
    Column("stage", Key(), primary_key=True),
    Column("side", Key(), primary_key=True),
    Column("enabled", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

watches = Table(
    "codepipeline_watches",
    schema,
    Column("uid", Key(), primary_key=True),
    Column("action", Key(), primary_key=True),
    Column("provider", Key(), nullable=False),
    Column("account", Key(), nullable=False),
    Column("region", Key(), nullable=False),
    Column("resource", Key(), nullable=False),
    Column("item", Key(), nullable=False),
    Column("polls", BigInteger, nullable=False),
    Column("seen", Text, nullable=False),
    Column("seen_by", Text, nullable=False),
    Index("ix_codepipeline_watches_resource", "provider", "resource", "item"),
)

executions = Table(
    "codepipeline_executions",
    schema,
    Column("id", Key(), primary_key=True),
    Column("uid", Key(), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("status", Key(), nullable=False),
    Column("live", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("inside", BigInteger, nullable=False),
    Column("stopping", BigInteger, nullable=False),
    Column("abandon", BigInteger, nullable=False),
    Column("stop_reason", Text, nullable=False),
    Column("trigger_type", Text, nullable=False),
    Column("trigger_detail", Text, nullable=False),
    Column("variables", Text, nullable=False),
    Column("pins", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("retried", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("rolls_back_to", Text, nullable=True),
    Index("ix_codepipeline_executions_number", "uid", "number"),
    Index("ix_codepipeline_executions_live", "live", "uid"),
)

start_tokens = Table(
    "codepipeline_start_tokens",
    schema,
    Column("uid", Key(), primary_key=True),
    Column("token", Key(), primary_key=True),
    Column("execution", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

stage_runs = Table(
    "codepipeline_stage_runs",
    schema,
    Column("execution", Key(), primary_key=True),
    Column("stage", Key(), primary_key=True),
    Column("uid", Key(), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("retries", BigInteger, nullable=False),
    Column("retried", BigInteger, nullable=False),
    Column("entered", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("ix_codepipeline_stage_runs_seq", "uid", "stage", "seq"),
)

action_runs = Table(
    "codepipeline_action_runs",
    schema,
    Column("id", Key(), primary_key=True),
    Column("uid", Key(), nullable=False),
    Column("execution", Key(), nullable=False),
    Column("stage", Key(), nullable=False),
    Column("action", Key(), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("current", BigInteger, nullable=False),
    Column("status", Key(), nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("token", Key(), nullable=False),
    Column("external_id", Key(), nullable=False),
    Column("external_url", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    Column("percent", BigInteger, nullable=True),
    Column("log_stream", Text, nullable=False),
    Column("configuration", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("variables", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Index("ix_codepipeline_action_runs_seq", "uid", "seq"),
    Index("ix_codepipeline_action_runs_place", "execution", "stage", "action"),
    Index("ix_codepipeline_action_runs_external", "external_id"),
    Index("ix_codepipeline_action_runs_action", "uid", "stage", "action", "seq"),
)

action_types = Table(
    "codepipeline_action_types",
    schema,
    Column("account", Key(), primary_key=True),
    Column("region", Key(), primary_key=True),
    Column("category", Key(), primary_key=True),
    Column("provider", Key(), primary_key=True),
    Column("version", Key(), primary_key=True),
    Column("shape", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("deleted", BigInteger, nullable=False),
)

jobs = Table(
    "codepipeline_jobs",
    schema,
    Column("id", Key(), primary_key=True),
    Column("uid", Key(), nullable=False),
    Column("run", Key(), nullable=False),
    Column("account", Key(), nullable=False),
    Column("region", Key(), nullable=False),
    Column("category", Key(), nullable=False),
    Column("provider", Key(), nullable=False),
    Column("version", Key(), nullable=False),
    Column("query", Key(), nullable=False),
    Column("status", Key(), nullable=False),
    Column("offered_until", BigInteger, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("continuation", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index("ix_codepipeline_jobs_waiting", "account", "region", "provider", "category", "version", "status", "created"),
    Index("ix_codepipeline_jobs_run", "run"),
    Index("ix_codepipeline_jobs_uid", "uid"),
)

webhooks = Table(
    "codepipeline_webhooks",
    schema,
    Column("account", Key(), primary_key=True),
    Column("region", Key(), primary_key=True),
    Column("name", Key(), primary_key=True),
    Column("token", Key(), nullable=False),
    Column("definition", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("triggered", BigInteger, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    sa.UniqueConstraint("token"),
)
