"""SSH public keys are found by their fingerprint: whose key signed a commit."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("iam_ssh_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_iam_ssh_keys_fingerprint"), ["fingerprint"], unique=False)


def downgrade() -> None:
    """Go back from it."""
    with op.batch_alter_table("iam_ssh_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_iam_ssh_keys_fingerprint"))
