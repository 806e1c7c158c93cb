"""The reading list: what a learner wants to read, is reading and has read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from tutor.errors import InputError
from tutor.learner.archive import Archive
from tutor.learner.tables import ReadingRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Status = Literal["want", "reading", "read"]
STATUSES: tuple[Status, ...] = get_args(Status)
MAX_LISTED = 1000  # papers on one list


def set_status(
    db: Session, learner: str, doc_id: str, title: str, status: str, at: datetime
) -> None:
    """Put a paper on the list or change how far it was read; an empty status takes it off.

    Raises:
        InputError: There is no such status, the paper has no id, or the list is full.
    """
    if status not in {"", *STATUSES}:
        raise InputError(f"There is no status '{status}'.", f"Give one of {', '.join(STATUSES)}.")
    if not 0 < len(doc_id) <= 200 or "\0" in doc_id:
        raise InputError("A paper's id has 1 to 200 characters.", "See 'tutor papers list'.")
    row = db.get(ReadingRow, (learner, doc_id))
    if not status:
        if row is not None:
            db.delete(row)
        return
    if row is None:
        if len(rows(db, learner)) >= MAX_LISTED:
            raise InputError(
                f"The reading list holds {MAX_LISTED} papers.", "Take one off before you add one."
            )
        row = ReadingRow(learner=learner, doc_id=doc_id)
        db.add(row)
    row.title, row.status, row.at = title[:300], status, at


def rows(db: Session, learner: str) -> list[dict[str, Any]]:
    """The papers on the list, those being read first, then the latest change first."""
    from sqlalchemy import select

    found = db.scalars(select(ReadingRow).where(ReadingRow.learner == learner))
    order = {"reading": 0, "want": 1, "read": 2}
    return [
        {"doc_id": row.doc_id, "title": row.title, "status": row.status, "at": row.at}
        for row in sorted(
            found, key=lambda row: (order.get(row.status, 3), -row.at.timestamp(), row.doc_id)
        )
    ]


def add_readings(db: Session, given: Archive, learner: str) -> None:
    """Add an archive's list; papers that are on the list keep their status."""
    for entry in given.reading[:MAX_LISTED]:
        if db.get(ReadingRow, (learner, entry.doc_id)) is None:
            db.add(ReadingRow(learner=learner, **entry.model_dump()))
