"""The log of graded answers, and what follows from it: mastery, reviews, disputes.

Attempts are only added to; mastery and reviews are computed from them, so a better model of the
learner applies to the past as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.question import Grade, Question
from tutor.learner import mastery, schedule
from tutor.learner.database import Database, fields, known_name, utc_now
from tutor.learner.incoming import plain
from tutor.learner.mastery import Evidence
from tutor.learner.tables import AttemptRow, DisputeRow


class Attempts(Database):
    """Graded answers of all learners."""

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
            learner=known_name(learner),
            question_id=question.id,
            kind=question.kind,
            topic=question.topic,
            objective=question.objective,
            answer=plain(answer),
            score=grade.score,
            verdict=grade.verdict,
            confidence=grade.confidence,
            at=at or utc_now(),
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
            return [fields(row) | {"contested": row.id in contested} for row in rows]

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
            row = DisputeRow(attempt_id=attempt_id, reason=plain(reason), at=at or utc_now())
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
                fields(row)
                | {
                    "question_id": attempt.question_id,
                    "answer": attempt.answer,
                    "score": attempt.score,
                    "verdict": attempt.verdict,
                }
                for row, attempt in db.execute(query)
            ]

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


def item_of(question_id: str) -> str:
    """What a question asks, whatever the order of its options; other numbers are another item."""
    return question_id.rsplit(":", 1)[0] if question_id.startswith("bank:") else question_id
