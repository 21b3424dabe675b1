"""The KMS keys that repositories are kept under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("codecommit_repositories", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kms_key", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("wrapped_secret", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Go back from it."""
    with op.batch_alter_table("codecommit_repositories", schema=None) as batch_op:
        batch_op.drop_column("wrapped_secret")
        batch_op.drop_column("kms_key")
