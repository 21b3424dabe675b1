"""The KMS keys that log groups are kept under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "logs_keys",
        sa.Column("id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("group_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("kms_key", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logs_keys")),
    )
    with op.batch_alter_table("logs_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logs_keys_group_id"), ["group_id"], unique=False)
    with op.batch_alter_table("logs_groups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kms_key", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("data_key", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back from it."""
    with op.batch_alter_table("logs_groups", schema=None) as batch_op:
        batch_op.drop_column("data_key")
        batch_op.drop_column("kms_key")
    with op.batch_alter_table("logs_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_logs_keys_group_id"))
    op.drop_table("logs_keys")
