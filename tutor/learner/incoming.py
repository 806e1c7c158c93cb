"""What comes into the database from outside: text made storable, and whole archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tutor.learner.archive import Archive
from tutor.learner.reading import add_readings
from tutor.learner.tables import (
    AttemptRow,
    ChatSessionRow,
    DisputeRow,
    FeedbackRow,
    LearnerRow,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_TEXT = 20_000  # characters kept of an answer, a reason or a note


def plain(text: str) -> str:
    """Text that every database takes: no NUL, no lone surrogates, bounded."""
    return text[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def add_archive(db: Session, given: Archive, learner: str) -> int:
    """Add an archive's entries to a learner who exists; those that are there are passed over.

    Returns:
        The number of attempts added.
    """
    from sqlalchemy import select

    row = db.get(LearnerRow, learner)
    if row is not None and given.consent:
        row.consent = True
    rows = db.scalars(select(AttemptRow).where(AttemptRow.learner == learner))
    known = {(old.question_id, old.at, old.answer) for old in rows}
    added = 0
    for place, entry in enumerate(given.attempts):
        fields = entry.model_dump()
        fields["answer"] = plain(entry.answer)
        if (entry.question_id, entry.at, fields["answer"]) in known:
            continue
        attempt = AttemptRow(learner=learner, **fields)
        db.add(attempt)
        db.flush()
        added += 1
        for dispute in given.disputes:
            if dispute.attempt == place:
                reason = plain(dispute.reason)
                db.add(DisputeRow(attempt_id=attempt.id, reason=reason, at=dispute.at))
    _add_feedback(db, given, learner)
    add_readings(db, given, learner)
    for chat in given.sessions:
        if db.get(ChatSessionRow, chat.id) is None:
            db.add(ChatSessionRow(learner=learner, **chat.model_dump()))
    return added


def _add_feedback(db: Session, given: Archive, learner: str) -> None:
    """What feedback is about comes along only where its learner consented."""
    from sqlalchemy import select

    rows = db.scalars(select(FeedbackRow).where(FeedbackRow.learner == learner))
    said = {(old.target, old.at) for old in rows}
    for remark in given.feedback:
        if (remark.target, remark.at) in said:
            continue
        fields = remark.model_dump(exclude={"context"})
        about = None
        if remark.context and given.consent:
            about = remark.context.model_dump(mode="json")
        db.add(FeedbackRow(learner=learner, context=about, **fields))
