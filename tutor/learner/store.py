"""All of a learner: answers, feedback by consent, reading list, chat sessions, archive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tutor.errors import InputError, NotFoundError
from tutor.exercises.question import Question
from tutor.learner import archive, reading
from tutor.learner.attempts import Attempts
from tutor.learner.database import known_name, utc_now
from tutor.learner.incoming import add_archive, plain
from tutor.learner.tables import ChatSessionRow, FeedbackRow, GeneratedRow, LearnerRow

if TYPE_CHECKING:
    from tutor.settings import Settings


def open_store(settings: Settings) -> Store:
    """The store that the settings name, migrated to this version.

    Raises:
        StoreError: It can't be opened.
        ConfigError: Its URL is malformed.
    """
    return Store(settings.sqlalchemy_url)


class Store(Attempts):
    """All that is kept of learners. Safe to use from several threads and processes.

    Every method raises StoreError when the database fails; a failed call leaves nothing behind.

    Args:
        url: SQLAlchemy URL of SQLite or PostgreSQL.
    """

    # --- feedback ------------------------------------------------------------------------------

    def consents(self, learner: str) -> bool:
        """Whether a learner allows keeping the conversations that their feedback is about."""
        with self._read() as db:
            row = db.get(LearnerRow, learner[:64])
            return bool(row and row.consent)

    def set_consent(self, learner: str, consent: bool) -> None:
        """Allow or forbid it; forbidding also forgets the conversations kept so far."""
        from sqlalchemy import update

        with self._write(learner) as db:
            db.execute(update(LearnerRow).where(LearnerRow.name == learner).values(consent=consent))
            if not consent:
                mine = FeedbackRow.learner == learner
                db.execute(update(FeedbackRow).where(mine).values(context=None))

    def add_feedback(
        self,
        learner: str,
        target: str,
        value: int,
        note: str = "",
        *,
        context: archive.Context | None = None,
        at: datetime | None = None,
    ) -> int:
        """Keep a thumb (1, -1) or a remark (0) on a target such as "answer:<id>".

        Args:
            context: What it is about; kept only if the learner consents.

        Raises:
            InputError: The value is none of 1, 0, -1.
        """
        if value not in {-1, 0, 1}:
            raise InputError(f"Feedback of {value} has no meaning.", "Give 1, 0 or -1.")
        kept = context.model_dump(mode="json") if context and self.consents(learner) else None
        row = FeedbackRow(
            learner=known_name(learner),
            context=kept,
            target=plain(target)[:200],
            value=value,
            note=plain(note),
            at=at or utc_now(),
        )
        with self._write(learner) as db:
            db.add(row)
            db.flush()
            return row.id

    def feedback(self, learner: str) -> list[dict[str, Any]]:
        """A learner's feedback, oldest first."""
        return self._all(FeedbackRow, learner)

    # --- reading list --------------------------------------------------------------------------

    def set_reading(
        self, learner: str, doc_id: str, title: str, status: str, *, at: datetime | None = None
    ) -> None:
        """Say how far a paper was read: want, reading or read; empty takes it off the list.

        Raises:
            InputError: There is no such status, the paper has no id, or the list is full.
        """
        with self._write(learner) as db:
            reading.set_status(db, learner, plain(doc_id), plain(title), status, at or utc_now())

    def reading_list(self, learner: str) -> list[dict[str, Any]]:
        """Papers with their status and its time, those being read first."""
        with self._read() as db:
            return reading.rows(db, learner)

    # --- generated questions -------------------------------------------------------------------

    def save_generated(self, question: Question) -> None:
        """Keep a generated question; keeping it again changes nothing."""
        with self._write() as db:
            if db.get(GeneratedRow, question.id) is None:
                record = question.to_record()
                db.add(
                    GeneratedRow(id=question.id, topic=question.topic, record=record, at=utc_now())
                )

    def generated_question(self, question_id: str) -> Question | None:
        """The generated question of that id, if there is one."""
        with self._read() as db:
            row = db.get(GeneratedRow, plain(question_id)[:80])
            return None if row is None else Question.from_record(row.record)

    # --- chat sessions -------------------------------------------------------------------------

    def touch_session(
        self, session_id: str, learner: str, title: str = "", *, at: datetime | None = None
    ) -> None:
        """Create a session or mark it as used now; a title replaces the old one.

        Raises:
            NotFoundError: The session belongs to somebody else.
            InputError: The id is empty or too long.
        """
        if not 0 < len(session_id) <= 64 or plain(session_id) != session_id:
            raise InputError("A session's id has 1 to 64 characters.", "Choose another id.")
        now = at or utc_now()
        with self._write(learner) as db:
            row = db.get(ChatSessionRow, session_id)
            if row is None:
                row = ChatSessionRow(
                    id=session_id, learner=known_name(learner), title="", created=now
                )
                db.add(row)
            elif row.learner != learner:
                raise _no_session(session_id)
            row.updated = now
            row.title = plain(title)[:200] or row.title

    def sessions(self, learner: str) -> list[dict[str, Any]]:
        """A learner's sessions, the latest first."""
        rows = self._all(ChatSessionRow, learner)
        return sorted(rows, key=lambda row: row["updated"], reverse=True)

    def delete_session(self, session_id: str, learner: str) -> None:
        """Forget a session.

        Raises:
            NotFoundError: The learner has no such session.
        """
        with self._write() as db:
            row = db.get(ChatSessionRow, plain(session_id)[:64])
            if row is None or row.learner != learner:
                raise _no_session(session_id)
            db.delete(row)

    # --- learners ------------------------------------------------------------------------------

    def learners(self) -> list[str]:
        """The names of all learners."""
        from sqlalchemy import select

        with self._read() as db:
            return list(db.scalars(select(LearnerRow.name).order_by(LearnerRow.name)))

    def export_learner(self, learner: str) -> dict[str, Any]:
        """All that is kept about a learner, as JSON can hold it.

        Raises:
            NotFoundError: There is no such learner.
        """
        if learner not in self.learners():
            raise _no_learner(learner)
        attempts = self.attempts(learner)
        places = {row["id"]: place for place, row in enumerate(attempts)}
        return archive.write(
            learner,
            self.consents(learner),
            attempts,
            [row | {"attempt": places[row["attempt_id"]]} for row in self.disputes(learner)],
            self.feedback(learner),
            self.sessions(learner),
            self.reading_list(learner),
        )

    def import_learner(self, data: Mapping[str, Any], learner: str | None = None) -> int:
        """Add what `export_learner` gave; entries that are there already are passed over.

        Args:
            learner: Import under this name instead of the one in the data.

        Returns:
            The number of attempts added.

        Raises:
            InputError: The data is malformed; nothing was imported.
        """
        given = archive.read(data)
        name = known_name(learner or given.learner)
        with self._write(name) as db:
            return add_archive(db, given, name)

    def delete_learner(self, learner: str) -> None:
        """Forget a learner and all that belongs to them.

        Raises:
            NotFoundError: There is no such learner.
        """
        with self._write() as db:
            row = db.get(LearnerRow, learner[:64])
            if row is None:
                raise _no_learner(learner)
            db.delete(row)


def _no_session(session_id: str) -> NotFoundError:
    return NotFoundError(f"There is no session '{session_id[:64]}'.", "Start a new one.")


def _no_learner(learner: str) -> NotFoundError:
    return NotFoundError(f"There is no learner '{learner[:64]}'.", "Answer a question first.")
