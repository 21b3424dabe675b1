"""The tables of pull requests, approval rules and comments. `pull` is `account:region:number`."""

from __future__ import annotations

import sqlalchemy as sa

from codeyard.storage import Key, schema

counters = sa.Table(
    "codecommit_pull_counters",
    schema,
    sa.Column("place", Key(), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
)

pulls = sa.Table(
    "codecommit_pulls",
    schema,
    sa.Column("pull", Key(), primary_key=True),
    sa.Column("repository_id", Key(), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("author", Key(), nullable=False),
    sa.Column("status", Key(), nullable=False),
    sa.Column("source", Key(), nullable=False),
    sa.Column("destination", Key(), nullable=False),
    sa.Column("source_commit", sa.Text, nullable=False),
    sa.Column("destination_commit", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("token", sa.Text),
    sa.Column("merged_by", sa.Text),
    sa.Column("merge_commit", sa.Text),
    sa.Column("merge_option", sa.Text),
    sa.Index("ix_codecommit_pulls_listed", "repository_id", "status", "number"),
    sa.Index("ix_codecommit_pulls_authors", "repository_id", "author", "number"),
    sa.Index("ix_codecommit_pulls_source", "repository_id", "source", "status"),
    sa.Index("ix_codecommit_pulls_destination", "repository_id", "destination", "status"),
)

pull_events = sa.Table(
    "codecommit_pull_events",
    schema,
    sa.Column("pull", Key(), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("kind", Key(), nullable=False),
    sa.Column("actor", Key(), nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)

rules = sa.Table(
    "codecommit_pull_rules",
    schema,
    sa.Column("pull", Key(), primary_key=True),
    sa.Column("name", Key(), primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("template_id", sa.Text),
    sa.Column("template_name", sa.Text),
)

approvals = sa.Table(
    "codecommit_pull_approvals",
    schema,
    sa.Column("pull", Key(), primary_key=True),
    sa.Column("revision", Key(), primary_key=True),
    sa.Column("user", Key(), primary_key=True),
    sa.Column("time", sa.BigInteger, nullable=False),
)

overrides = sa.Table(
    "codecommit_pull_overrides",
    schema,
    sa.Column("pull", Key(), primary_key=True),
    sa.Column("revision", Key(), primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
)

templates = sa.Table(
    "codecommit_rule_templates",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("account", Key(), nullable=False),
    sa.Column("region", Key(), nullable=False),
    sa.Column("name", Key(), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
)

template_links = sa.Table(
    "codecommit_rule_template_links",
    schema,
    sa.Column("template_id", Key(), primary_key=True),
    sa.Column("repository_id", Key(), primary_key=True, index=True),
)

comments = sa.Table(
    "codecommit_comments",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("repository_id", Key(), nullable=False),
    sa.Column("pull", Key()),
    sa.Column("before_commit", Key()),
    sa.Column("after_commit", Key(), nullable=False),
    sa.Column("before_blob", sa.Text),
    sa.Column("after_blob", sa.Text),
    sa.Column("location", sa.Text),
    sa.Column("content", sa.Text),
    sa.Column("reply_to", sa.Text),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.BigInteger, nullable=False),
    sa.Column("token", sa.Text),
    sa.Index("ix_codecommit_comments_pull", "pull", "id"),
    sa.Index("ix_codecommit_comments_commit", "repository_id", "after_commit", "id"),
)

reactions = sa.Table(
    "codecommit_comment_reactions",
    schema,
    sa.Column("comment_id", Key(), primary_key=True),
    sa.Column("user", Key(), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)

# What calls with a client request token made, so that the same call again makes nothing.
tokens = sa.Table(
    "codecommit_request_tokens",
    schema,
    sa.Column("place", Key(), primary_key=True),
    sa.Column("operation", Key(), primary_key=True),
    sa.Column("user", Key(), primary_key=True),
    sa.Column("token", Key(), primary_key=True),
    sa.Column("repository_id", Key(), nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("made", sa.Text, nullable=False),
)
