"""How sure learners were of an answer, and their consent to keep what their feedback is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; attempts and feedback from before have neither."""
    op.add_column("attempts", sa.Column("sureness", sa.Integer(), nullable=True))
    op.add_column("feedback", sa.Column("context", sa.JSON(), nullable=True))
    op.add_column(
        "learners",
        sa.Column("consent", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("attempts", "sureness")
    op.drop_column("feedback", "context")
    op.drop_column("learners", "consent")
