"""Learners, their answers and sessions in SQLite or PostgreSQL.

Attempts are a log that is only added to; mastery and reviews are computed from it, so a better
model of the learner applies to the past as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.question import Grade, Question
from tutor.learner import archive, mastery, reading, schedule
from tutor.learner.database import guard, make_engine, migrate, parse_url
from tutor.learner.incoming import add_archive, plain
from tutor.learner.mastery import Evidence
from tutor.learner.tables import (
    AttemptRow,
    Base,
    ChatSessionRow,
    DisputeRow,
    FeedbackRow,
    GeneratedRow,
    LearnerRow,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tutor.settings import Settings


def open_store(settings: Settings) -> Store:
    """The store that the settings name, migrated to this version.

    Raises:
        StoreError: It can't be opened.
        ConfigError: Its URL is malformed.
    """
    return Store(settings.sqlalchemy_url)


class Store:
    """The database. Safe to use from several threads and processes.

    Every method raises StoreError when the database fails; a failed call leaves nothing behind.

    Args:
        url: SQLAlchemy URL of SQLite or PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        from sqlalchemy.orm import sessionmaker

        self._url = parse_url(url)
        self._engine = make_engine(self._url)
        with guard(self._url, "opened"):
            migrate(self._engine, self._url)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # --- answers -------------------------------------------------------------------------------

    def record_attempt(
        self,
        learner: str,
        question: Question,
        answer: str,
        grade: Grade,
        *,
        session: str = "",
        sureness: int | None = None,
        at: datetime | None = None,
    ) -> int:
        """Log one graded answer; returns its number.

        Args:
            sureness: How sure the learner was: 1 guessed, 2 fairly sure, 3 sure; None if not said.

        Raises:
            InputError: The sureness is out of range.
        """
        if sureness not in {None, 1, 2, 3}:
            raise InputError(f"A sureness of {sureness} has no meaning.", "Give 1, 2 or 3.")
        row = AttemptRow(
            learner=_name(learner),
            question_id=question.id,
            kind=question.kind,
            topic=question.topic,
            objective=question.objective,
            answer=plain(answer),
            score=grade.score,
            verdict=grade.verdict,
            confidence=grade.confidence,
            at=at or _now(),
            session=plain(session)[:64],
            sureness=sureness,
        )
        with self._write(learner) as db:
            db.add(row)
            db.flush()
            return row.id

    def attempts(self, learner: str, *, topic: str | None = None) -> list[dict[str, Any]]:
        """A learner's answers, oldest first; `contested` tells whether the grade is disputed."""
        from sqlalchemy import select

        query = select(AttemptRow).where(AttemptRow.learner == learner)
        if topic is not None:
            query = query.where(AttemptRow.topic == topic)
        disputed = select(DisputeRow.attempt_id).join(
            AttemptRow, AttemptRow.id == DisputeRow.attempt_id
        )
        with self._read() as db:
            contested = set(db.scalars(disputed.where(AttemptRow.learner == learner)))
            rows = db.scalars(query.order_by(AttemptRow.at, AttemptRow.id))
            return [_fields(row) | {"contested": row.id in contested} for row in rows]

    def mastery(self, learner: str) -> dict[str, float | None]:
        """The chance of mastery by topic, from the log; contested and unsure grades don't count."""
        prerequisites = {topic.id: topic.prerequisites for topic in load_roadmap().topics()}
        return mastery.trace(self._evidence(learner), prerequisites)

    def objectives(self, learner: str) -> dict[tuple[str, int], float]:
        """The same by topic and objective, for those that were asked about."""
        return mastery.trace_objectives(self._evidence(learner))

    def reviews(self, learner: str, now: datetime) -> list[schedule.Review]:
        """The next review of every topic that was practised, most urgent first."""
        return schedule.schedule(self._recalls(learner), now)

    def due_reviews(self, learner: str, now: datetime) -> list[schedule.Review]:
        """The reviews that are due at `now` (with time zone), most urgent first."""
        return schedule.due(self._recalls(learner), now)

    def contest(
        self,
        attempt_id: int,
        reason: str,
        *,
        learner: str | None = None,
        at: datetime | None = None,
    ) -> int:
        """Object to a grade, which then no longer counts; returns the dispute's number.

        Args:
            learner: Whose attempt it has to be; None trusts the number.

        Raises:
            NotFoundError: There is no such attempt, or it is somebody else's.
            InputError: The reason is empty.
        """
        if not reason.strip():
            raise InputError("An objection needs a reason.", "Say what is right in the answer.")
        with self._write() as db:
            found = db.get(AttemptRow, attempt_id) if 0 < attempt_id < 2**31 else None
            if found is None or learner not in {None, found.learner}:
                raise NotFoundError(f"There is no attempt {attempt_id}.", "See 'tutor progress'.")
            row = DisputeRow(attempt_id=attempt_id, reason=plain(reason), at=at or _now())
            db.add(row)
            db.flush()
            return row.id

    def disputes(self, learner: str) -> list[dict[str, Any]]:
        """A learner's objections with question, answer and grade, oldest first."""
        from sqlalchemy import select

        query = (
            select(DisputeRow, AttemptRow)
            .join(AttemptRow, AttemptRow.id == DisputeRow.attempt_id)
            .where(AttemptRow.learner == learner)
            .order_by(DisputeRow.id)
        )
        with self._read() as db:
            return [
                _fields(row)
                | {
                    "question_id": attempt.question_id,
                    "answer": attempt.answer,
                    "score": attempt.score,
                    "verdict": attempt.verdict,
                }
                for row, attempt in db.execute(query)
            ]

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
            learner=_name(learner),
            context=kept,
            target=plain(target)[:200],
            value=value,
            note=plain(note),
            at=at or _now(),
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
            reading.set_status(db, learner, plain(doc_id), plain(title), status, at or _now())

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
                db.add(GeneratedRow(id=question.id, topic=question.topic, record=record, at=_now()))

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
        now = at or _now()
        with self._write(learner) as db:
            row = db.get(ChatSessionRow, session_id)
            if row is None:
                row = ChatSessionRow(id=session_id, learner=_name(learner), title="", created=now)
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
        name = _name(learner or given.learner)
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

    # --- inside --------------------------------------------------------------------------------

    def _settled(self, learner: str) -> list[dict[str, Any]]:
        rows = self.attempts(learner)
        return [row for row in rows if not row["contested"] and row["verdict"] != "unsure"]

    def _evidence(self, learner: str) -> list[Evidence]:
        return [
            Evidence(
                row["topic"],
                row["kind"],
                row["score"],
                row["confidence"],
                item_of(row["question_id"]),
                row["at"],
                row["objective"],
            )
            for row in self._settled(learner)
        ]

    def _recalls(self, learner: str) -> list[schedule.Recall]:
        rows = self._settled(learner)
        return [schedule.Recall(row["topic"], row["score"], row["at"]) for row in rows]

    def _all(self, table: type[Any], learner: str) -> list[dict[str, Any]]:
        from sqlalchemy import select

        with self._read() as db:
            rows = db.scalars(select(table).where(table.learner == learner).order_by(table.id))
            return [_fields(row) for row in rows]

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with guard(self._url, "read"), self._sessions() as db:
            yield db

    @contextmanager
    def _write(self, learner: str | None = None) -> Iterator[Session]:
        """A transaction; with a learner's name the learner exists in it."""
        with guard(self._url, "written"), self._sessions.begin() as db:
            if learner is not None:
                _ensure(db, _name(learner), self._engine.dialect.name)
            yield db


def item_of(question_id: str) -> str:
    """What a question asks, whatever the order of its options; other numbers are another item."""
    return question_id.rsplit(":", 1)[0] if question_id.startswith("bank:") else question_id


def _now() -> datetime:
    return datetime.now(UTC)


def _ensure(db: Session, name: str, dialect: str) -> None:
    """Create a learner who is not there yet, whoever else does so at the same moment."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    db.execute(insert(LearnerRow).values(name=name, created=_now()).on_conflict_do_nothing())


def _fields(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _name(learner: str) -> str:
    if not 0 < len(learner) <= 64 or plain(learner) != learner or not learner.strip():
        raise InputError("A learner's name has 1 to 64 characters.", "Set TUTOR_LEARNER.")
    return learner


def _no_session(session_id: str) -> NotFoundError:
    return NotFoundError(f"There is no session '{session_id[:64]}'.", "Start a new one.")


def _no_learner(learner: str) -> NotFoundError:
    return NotFoundError(f"There is no learner '{learner[:64]}'.", "Answer a question first.")
