"""Notification rules and their targets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _key() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "codestar_notifications_links",
        sa.Column("rule_arn", _key(), nullable=False),
        sa.Column("address", _key(), nullable=False),
        sa.Column("token", _key(), nullable=False),
        sa.PrimaryKeyConstraint("rule_arn", "address", name=op.f("pk_codestar_notifications_links")),
    )
    op.create_table(
        "codestar_notifications_places",
        sa.Column("account", _key(), nullable=False),
        sa.Column("region", _key(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", name=op.f("pk_codestar_notifications_places")),
    )
    op.create_table(
        "codestar_notifications_rules",
        sa.Column("arn", _key(), nullable=False),
        sa.Column("account", _key(), nullable=False),
        sa.Column("region", _key(), nullable=False),
        sa.Column("name", _key(), nullable=False),
        sa.Column("resource", _key(), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("detail_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("token", _key(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_codestar_notifications_rules")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_codestar_notifications_rules_account_region_name")
        ),
    )
    op.create_table(
        "codestar_notifications_targets",
        sa.Column("account", _key(), nullable=False),
        sa.Column("region", _key(), nullable=False),
        sa.Column("address", _key(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "address", name=op.f("pk_codestar_notifications_targets")),
    )


def downgrade() -> None:
    """Go back from it."""
    op.drop_table("codestar_notifications_targets")
    op.drop_table("codestar_notifications_rules")
    op.drop_table("codestar_notifications_places")
    op.drop_table("codestar_notifications_links")
