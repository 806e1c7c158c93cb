"""Quizzes: choosing questions, and going through them one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.bank import bank_questions, topics_of
from tutor.exercises.code import lab_questions
from tutor.exercises.parametric import families, parametric_question
from tutor.exercises.question import SOURCES, Grade, Kind, Question, Source

MAX_QUESTIONS = 50
MAX_TRIES = 2  # after the last one the answer is revealed
UNREADABLE = 0.2  # confidence up to which an unsure grade means that nothing could be read

_PER_FAMILY = 2  # instances of one family that a quiz chooses from


def assemble(
    n: int = 5,
    *,
    stage: int | None = None,
    topic: str | None = None,
    paper: str | None = None,
    kind: Kind | None = None,
    source: Source | None = None,
    seed: int = 0,
    generate: Callable[[int], Sequence[Question]] | None = None,
) -> list[Question]:
    """Choose up to `n` questions, balanced over topics, kinds and difficulty.

    Args:
        kind: None mixes all but code; labs are long and come only where they are asked for.
        source: None mixes the bank and parametric questions.
        seed: The same arguments give the same quiz.
        generate: Makes up to that many questions from passages (source "generated").

    Raises:
        InputError: `n` or `source` is out of range.
        NotFoundError: A filter names nothing, or no question passes the filters.
    """
    if not 1 <= n <= MAX_QUESTIONS:
        raise InputError(f"A quiz can't have {n} questions.", f"Ask for 1 to {MAX_QUESTIONS}.")
    if source is not None and source not in SOURCES:
        raise InputError(f"There is no source '{source}'.", f"Sources are {', '.join(SOURCES)}.")
    topics = topics_of(stage=stage, topic=topic, paper=paper, kind=kind)
    if source == "generated":
        if generate is None:
            raise InputError(
                "Generated questions need passages to be made from.",
                "Name a topic or a paper that has been ingested.",
            )
        made = [q for q in generate(n) if kind is None or q.kind == kind]
        return _found(made[:n], "No generated question passed its checks.")
    pool: list[Question] = []
    if source in {None, "bank"}:
        pool += bank_questions(stage=stage, topic=topic, kind=kind, paper=paper, seed=seed)
    if kind == "code" and source in {None, "bank"}:
        pool += lab_questions(stage=stage, topic=topic, paper=paper)
    if source in {None, "parametric"}:
        for name, family in families(kind).items():
            if family.topic in topics:
                start = Random(f"{name}:{seed}").randrange(10**6)
                pool += [parametric_question(name, start + i) for i in range(_PER_FAMILY)]
    return _found(balance(pool, n, seed), "No question passes these filters.")


def balance(pool: Sequence[Question], n: int, seed: int = 0) -> list[Question]:
    """Take `n` questions so that topics, kinds, families and difficulties vary.

    The result is ordered by stage and difficulty.
    """
    order = list(pool)
    Random(f"quiz:{seed}").shuffle(order)
    seen: Counter[tuple[str, object]] = Counter()
    chosen: list[Question] = []
    while order and len(chosen) < n:
        best = min(order, key=lambda q: sum(seen[trait] * w for trait, w in _traits(q)))
        order.remove(best)
        chosen.append(best)
        seen.update(trait for trait, _ in _traits(best))
    return sorted(chosen, key=lambda q: (q.stage, q.difficulty))


def _traits(question: Question) -> list[tuple[tuple[str, object], float]]:
    """What should vary within a quiz, with its weight; another instance of a family comes last."""
    name = question.id.split(":")[1].removesuffix(".choice")
    return [
        (("name", name), 100.0),
        (("topic", question.topic), 3.0),
        (("kind", question.kind), 2.0),
        (("source", question.source), 1.0),
        (("objective", (question.topic, question.objective)), 1.0),
        (("difficulty", question.difficulty), 1.0),
    ]


def _found(questions: list[Question], message: str) -> list[Question]:
    if not questions:
        raise NotFoundError(message, "Widen the topic, the kind or the source.")
    return questions


@dataclass
class QuizSession:
    """A quiz under way; all of it fits into JSON.

    Attributes:
        grades: The last grade of each question that was answered, by position.
        tries: Attempts at the current question.
        form: Name of the test that this is, such as "pre:2"; empty for practice.
        attempt: Number of the last recorded attempt, which its learner may contest.
    """

    questions: list[Question]
    position: int = 0
    tries: int = 0
    grades: dict[int, Grade] = field(default_factory=dict)
    form: str = ""
    attempt: int | None = None

    @property
    def max_tries(self) -> int:
        """Tries at a question: a test asks once."""
        return 1 if self.form else MAX_TRIES

    @property
    def current(self) -> Question | None:
        """The open question; None when the quiz is over."""
        return self.questions[self.position] if self.position < len(self.questions) else None

    @property
    def score(self) -> float:
        """Mean score over all questions so far, 0 to 1."""
        return sum(g.score for g in self.grades.values()) / max(1, len(self.grades))

    @property
    def last_try(self) -> bool:
        """Whether the next answer is the last one to the open question."""
        return self.tries + 1 >= self.max_tries

    def record(self, grade: Grade) -> None:
        """Keep a grade of the open question, and go on when it is right or tries are used up.

        An answer that could not be read costs no try.

        Raises:
            InputError: The quiz is over.
        """
        if self.current is None:
            raise InputError("The quiz is over.", "Start a new one.")
        self.grades[self.position] = grade
        if grade.verdict == "unsure" and grade.confidence <= UNREADABLE:
            return
        self.tries += 1
        if grade.verdict == "correct" or self.tries >= self.max_tries:
            self.skip()

    def skip(self) -> None:
        """Go on to the next question."""
        self.position = min(self.position + 1, len(self.questions))
        self.tries = 0

    def weak_topics(self) -> list[str]:
        """Topics with a mean score below a half, weakest first."""
        scores: dict[str, list[float]] = {}
        for position, grade in self.grades.items():
            scores.setdefault(self.questions[position].topic, []).append(grade.score)
        means = {topic: sum(values) / len(values) for topic, values in scores.items()}
        known = {topic.id: place for place, topic in enumerate(load_roadmap().topics())}
        weak = [topic for topic, mean in means.items() if mean < 0.5]
        return sorted(weak, key=lambda topic: (means[topic], known.get(topic, len(known))))

    def to_state(self) -> dict[str, Any]:
        """The session as JSON can hold it."""
        return {
            "questions": [question.to_record() for question in self.questions],
            "position": self.position,
            "tries": self.tries,
            "form": self.form,
            "attempt": self.attempt,
            "grades": {str(place): grade.to_dict() for place, grade in self.grades.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> QuizSession:
        """Read what `to_state` wrote.

        Raises:
            InputError: The state is not a quiz.
        """
        try:
            questions = [Question.from_record(record) for record in state["questions"]]
            grades = {int(place): Grade.from_dict(g) for place, g in state["grades"].items()}
            position, tries = int(state["position"]), int(state["tries"])
            # Sessions from before have none.
            attempt = None if state.get("attempt") is None else int(state["attempt"])
            if not 0 <= position <= len(questions) or not set(grades) <= set(range(len(questions))):
                raise ValueError("a position is out of range")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"A quiz can't be resumed: {error}.", "Start a new one.") from error
        return cls(questions, position, tries, grades, str(state.get("form", "")), attempt)
