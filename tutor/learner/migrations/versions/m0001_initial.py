"""Learners, attempts, disputes, feedback, generated questions and chat sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _learner() -> sa.Column[object]:
    return sa.Column(
        "learner",
        sa.String(64),
        sa.ForeignKey("learners.name", ondelete="CASCADE"),
        nullable=False,
        index=True,
    )


def _text(name: str, size: int | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.String(size) if size else sa.Text(), nullable=False)


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True)


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "learners", sa.Column("name", sa.String(64), primary_key=True), _time("created")
    )
    op.create_table(
        "attempts",
        _id(),
        _learner(),
        _text("question_id", 200),
        _text("kind", 16),
        _text("topic", 80),
        sa.Column("objective", sa.Integer(), nullable=True),
        _text("answer"),
        sa.Column("score", sa.Float(), nullable=False),
        _text("verdict", 16),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        _text("session", 64),
    )
    op.create_table(
        "disputes",
        _id(),
        sa.Column(
            "attempt_id",
            sa.Integer(),
            sa.ForeignKey("attempts.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        _text("reason"),
        _time("at"),
    )
    op.create_table(
        "feedback",
        _id(),
        _learner(),
        _text("target", 200),
        sa.Column("value", sa.Integer(), nullable=False),
        _text("note"),
        _time("at"),
    )
    op.create_table(
        "generated_questions",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("topic", sa.String(80), nullable=False, index=True),
        sa.Column("record", sa.JSON(), nullable=False),
        _time("at"),
    )
    op.create_table(
        "chat_sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        _learner(),
        _text("title", 200),
        _time("created"),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop all tables."""
    for table in (
        "chat_sessions",
        "generated_questions",
        "feedback",
        "disputes",
        "attempts",
        "learners",
    ):
        op.drop_table(table)
