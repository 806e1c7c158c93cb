"""What learners want to read, are reading and have read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "reading_list",
        sa.Column(
            "learner",
            sa.String(64),
            sa.ForeignKey("learners.name", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("doc_id", sa.String(200), primary_key=True),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("reading_list")
