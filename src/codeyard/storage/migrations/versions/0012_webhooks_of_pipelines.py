"""Webhooks of pipelines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _key() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "codepipeline_webhooks",
        sa.Column("account", _key(), nullable=False),
        sa.Column("region", _key(), nullable=False),
        sa.Column("name", _key(), nullable=False),
        sa.Column("token", _key(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("triggered", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "name", name=op.f("pk_codepipeline_webhooks")),
        sa.UniqueConstraint("token", name=op.f("uq_codepipeline_webhooks_token")),
    )


def downgrade() -> None:
    """Go back from it."""
    op.drop_table("codepipeline_webhooks")
