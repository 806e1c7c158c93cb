"""Alembic runs this file; the connection comes from `tutor.learner.store`."""

from __future__ import annotations

from alembic import context

from tutor.learner.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
