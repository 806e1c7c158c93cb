"""What a learner does: quizzes, answers that are graded and kept, what to study next."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.blueprint import review_questions
from tutor.exercises.question import questions_by_id
from tutor.exercises.quiz import assemble
from tutor.learner.plan import next_step, roadmap_rows
from tutor.learner.store import Store
from tutor.library import Library

if TYPE_CHECKING:
    from tutor.exercises.code import CodeGrade
    from tutor.exercises.question import Grade, Kind, Question, Source
    from tutor.exercises.quiz import QuizSession
    from tutor.learner.plan import Step
    from tutor.models.embed import Embedder
    from tutor.models.llm import LLM


class Study:
    """The learners' work, over the item bank, the library and the learners' database.

    Args:
        library: Where generated questions find their passages.
        store: Opens the database when first called.
        llm: The language model that there is now, if any; it writes generated questions.
        embedder: The embedding model that there is now, if any; it sharpens grading.
    """

    def __init__(
        self,
        library: Library,
        store: Callable[[], Store],
        llm: Callable[[], LLM | None],
        embedder: Callable[[], Embedder | None],
    ) -> None:
        self._library = library
        self._store = store
        self._llm = llm
        self._embedder = embedder

    def roadmap(self, learner: str) -> dict[str, Any]:
        """The roadmap with the learner's mastery; fields as in the command line's contract."""
        return roadmap_rows(load_roadmap(), self._store().mastery(learner))

    def submit(
        self,
        quiz: QuizSession,
        answer: str,
        *,
        learner: str,
        session_id: str = "",
        sureness: int | None = None,
    ) -> tuple[Grade, bool]:
        """Grade an answer to the open question and record it in the quiz and in the log.

        Args:
            sureness: How sure the learner was, 1 to 3; None if not said.

        Returns:
            The grade, and whether the quiz went on: then the feedback reveals the solution.

        Raises:
            InputError: No question is open.
        """
        from tutor.exercises.grade import grade

        question = quiz.current
        if question is None:
            raise InputError("The quiz is over.", "Start a new one.")
        position = quiz.position
        result = grade(question, answer, embedder=self._embedder())
        quiz.attempt = self._store().record_attempt(
            learner, question, answer, result, session=session_id or quiz.form, sureness=sureness
        )
        quiz.record(result)
        moved = quiz.position != position
        if moved:
            result = grade(question, answer, embedder=self._embedder(), reveal=True)
        return result, moved

    def submit_code(self, lab_id: str, source: str, *, learner: str) -> CodeGrade:
        """Run a lab's hidden tests on a submission and record the attempt.

        Raises:
            NotFoundError: There is no such lab.
            SandboxError: Code can't be isolated here; it was not run.
        """
        from tutor.exercises.code import grade_code, lab_of, lab_question

        result = grade_code(lab_of(lab_id), source)
        self._store().record_attempt(learner, lab_question(lab_id), source, result.grade)
        return result

    def next_step(self, learner: str) -> Step:
        """What to study now, and why."""
        now = datetime.now(UTC)
        due, objectives = self._store().due_reviews(learner, now), self._store().objectives(learner)
        return next_step(load_roadmap(), self._store().mastery(learner), due, now, objectives)

    def progress(self, learner: str) -> dict[str, Any]:
        """Mastery by topic and the reviews due."""
        now = datetime.now(UTC)
        return {
            "learner": learner,
            "mastery": self._store().mastery(learner),
            "due": [review.to_dict() for review in self._store().due_reviews(learner, now)],
        }

    def quiz(
        self,
        n: int,
        *,
        stage: int | None = None,
        topic: str | None = None,
        paper: str | None = None,
        kind: Kind | None = None,
        source: Source | None = None,
        seed: int | None = None,
        learner: str | None = None,
    ) -> list[Question]:
        """Questions on a stage, a topic or a paper; the same seed gives the same ones.

        Args:
            learner: What they have answered is not generated again, in the same words or nearly.

        Raises:
            NotFoundError: There is no such topic, or nothing can be asked on it.
        """
        chosen = secrets.randbelow(2**31) if seed is None else seed
        if paper is not None and source is None and paper not in load_papers():
            source = "generated"  # the bank knows the papers of the roadmap alone
        if source != "generated":
            return assemble(
                n, stage=stage, topic=topic, paper=paper, kind=kind, source=source, seed=chosen
            )
        questions = self._generate(n, stage, topic, paper, kind, chosen, self._asked(learner))
        if not questions:
            raise NotFoundError(
                "No generated question passed its checks.", "Widen the topic, or ask the bank."
            )
        for question in questions:
            self._store().save_generated(question)
        return questions

    def review_quiz(self, n: int, learner: str, seed: int | None = None) -> list[Question]:
        """Questions on the reviews that are due, the most urgent first; see `review_questions`.

        Raises:
            NotFoundError: Nothing is due.
        """
        due = [review.topic for review in self._store().due_reviews(learner, datetime.now(UTC))]
        questions = review_questions(
            due,
            n,
            objectives=self._store().objectives(learner),
            seen=[row["question_id"] for row in self._store().attempts(learner)],
            seed=secrets.randbelow(2**31) if seed is None else seed,
        )
        if not questions:
            raise NotFoundError("No review is due.", "Practise a topic, or see what is next.")
        return questions

    def _asked(self, learner: str | None) -> list[Question]:
        """The questions that a learner has answered."""
        found = []
        for name in {row["question_id"] for row in self._store().attempts(learner or "")}:
            try:
                found.append(questions_by_id(name, self._store()))
            except NotFoundError:
                continue  # an item that the bank no longer has
        return found

    def _generate(
        self,
        n: int,
        stage: int | None,
        topic: str | None,
        paper: str | None,
        kind: Kind | None,
        seed: int,
        seen: Sequence[Question],
    ) -> list[Question]:
        """Questions made from the passages of a stage, a topic or a paper.

        Raises:
            NotFoundError: There are no such passages.
        """
        from tutor.exercises.generate import generate_questions

        found = self._library.retriever().passages_of(stage=stage, topic=topic, paper=paper)
        if not found:
            raise NotFoundError(
                f"The library holds no text on {paper or topic or stage}.",
                "'tutor papers list' shows the papers, 'tutor roadmap' the topics.",
            )
        random.Random(seed).shuffle(found)
        made: list[Question] = []
        for label in dict.fromkeys(label for label, _ in found):
            passages = [passage for name, passage in found if name == label]
            made += generate_questions(
                passages,
                n - len(made),
                topic=label,
                kind=kind,
                llm=self._llm(),
                seen=seen,
                seed=seed,
            ).questions
            if len(made) >= n:
                break
        return made[:n]
