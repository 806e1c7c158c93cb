"""Quizzes by blueprint: two forms of equal difficulty for a stage, a placement test, reviews.

A blueprint is a list of slots, each with topic, kind and difficulty; two items of the bank that fit
one slot go to the two forms. Prose is left out: a test must not hang on how it is worded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from corpus.roadmap import Roadmap, load_roadmap
from tutor.exercises.bank import bank_questions
from tutor.exercises.question import Grade, Question

Form = Literal["pre", "post"]

MAX_SLOTS = 20
PER_TOPIC = 2  # slots of a stage test, and questions on a topic of the placement test
PLACEMENT_TOPICS = 10
PASSED = 0.8  # score of an answer that counts as right
PLACEMENT = "placement"


@dataclass(frozen=True)
class Gain:
    """What a stage has taught.

    Attributes:
        pre, post: Mean score of each form, 0 to 1.
        share: Part of what could be gained that was, (post - pre) / (1 - pre); Hake,
            "Interactive-engagement versus traditional methods" (1998). None where nothing could.
    """

    stage: int
    pre: float
    post: float

    @property
    def share(self) -> float | None:
        """The normalised gain."""
        return None if self.pre >= 1 else (self.post - self.pre) / (1 - self.pre)


def stage_form(stage: int, form: Form, seed: int = 0) -> list[Question]:
    """One of the two forms of a stage's test.

    The forms of one seed share no item and match slot by slot in topic, kind and difficulty.

    Raises:
        NotFoundError: There is no such stage.
    """
    rng = Random(f"form:{stage}:{seed}")
    pool: dict[tuple[str, str, int], list[Question]] = {}
    for question in bank_questions(stage=stage, seed=seed):
        if question.kind in {"choice", "numeric"}:
            slot = (question.topic, question.kind, question.difficulty)
            pool.setdefault(slot, []).append(question)
    by_topic: dict[str, list[tuple[Question, Question]]] = {}
    for (topic, _, _), questions in sorted(pool.items()):
        rng.shuffle(questions)
        pairs = list(zip(questions[::2], questions[1::2], strict=False))
        by_topic.setdefault(topic, []).extend(pairs)
    chosen: list[tuple[Question, Question]] = []
    for pairs in by_topic.values():
        rng.shuffle(pairs)
        # One of each kind where there are both.
        kinds = {pair[0].kind: pair for pair in pairs}
        first = list(kinds.values())[:PER_TOPIC]
        rest = [pair for pair in pairs if pair not in first]
        chosen += [*first, *rest][:PER_TOPIC]
    if len(chosen) > MAX_SLOTS:
        chosen = rng.sample(chosen, MAX_SLOTS)
    flips = [rng.random() < 0.5 for _ in chosen]
    place = 0 if form == "pre" else 1
    questions = [
        pair[place if keep else 1 - place] for pair, keep in zip(chosen, flips, strict=True)
    ]
    return sorted(questions, key=lambda q: (q.difficulty, q.id))


def gains(attempts: Sequence[Mapping[str, Any]]) -> list[Gain]:
    """The gain of every stage whose two forms were answered, from the log, oldest first.

    The first answer to each question of a form counts; contested grades don't.
    """
    scores: dict[str, dict[str, float]] = {}
    for row in attempts:
        if str(row["session"]).startswith(("pre:", "post:")) and not row.get("contested"):
            scores.setdefault(row["session"], {}).setdefault(row["question_id"], row["score"])
    means = {name: sum(form.values()) / len(form) for name, form in scores.items()}
    return [
        Gain(stage.n, means[f"pre:{stage.n}"], means[f"post:{stage.n}"])
        for stage in load_roadmap().stages
        if f"pre:{stage.n}" in means and f"post:{stage.n}" in means
    ]


def review_questions(
    due: Sequence[str],
    n: int,
    *,
    objectives: Mapping[tuple[str, int], float] | None = None,
    seen: Collection[str] = (),
    seed: int = 0,
) -> list[Question]:
    """Questions for the reviews that are due: up to two a topic, the most urgent topics first.

    Of a topic the objective that is weakest is asked about, by items that are new to the learner
    as long as there are any.

    Args:
        due: Topics, the most urgent first; unknown ones are passed over.
        objectives: Chance of mastery by topic and objective.
        seen: Ids of questions that were answered before.
    """
    known, items = objectives or {}, {_item(name) for name in seen}
    topics = {topic.id for topic in load_roadmap().topics()}
    chosen: list[Question] = []
    for topic in dict.fromkeys(name for name in due if name in topics):
        found = bank_questions(topic=topic, seed=seed)
        Random(f"review:{topic}:{seed}").shuffle(found)

        def rank(question: Question) -> tuple[bool, float]:
            strength = 1.0
            if question.objective is not None:
                strength = known.get((question.topic, question.objective), 1.0)
            return _item(question.id) in items, strength

        chosen += sorted(found, key=rank)[: min(PER_TOPIC, n - len(chosen))]
        if len(chosen) >= n:
            break
    return chosen


def _item(question_id: str) -> str:
    """An item of the bank, whatever the order of its options."""
    return question_id.rsplit(":", 1)[0]


def placement_topic(roadmap: Roadmap, results: Mapping[str, bool]) -> str | None:
    """The topic that a placement test asks about next; None when it has learnt enough.

    Who passes a topic is taken to know all that it builds on, who fails it to know nothing that
    builds on it. The topic is asked about that decides most either way.

    Args:
        results: Whether the topics asked so far were passed.
    """
    if len(results) >= PLACEMENT_TOPICS:
        return None
    below = {topic.id: set(_below(roadmap, topic.id)) for topic in roadmap.topics()}
    above = {name: {other for other in below if name in below[other]} for name in below}
    decided = set(results)
    for name, passed in results.items():
        decided |= below[name] if passed else above[name]
    open_ = [name for name in below if name not in decided]

    def least(name: str) -> tuple[int, int]:
        down, up = len(below[name] - decided), len(above[name] - decided)
        return min(down, up), down + up

    return max(open_, key=least) if open_ else None


def placement_questions(topic: str, seed: int = 0) -> list[Question]:
    """Questions that place somebody on a topic: a number where there is one, and a choice.

    Raises:
        NotFoundError: There is no such topic.
    """
    found = bank_questions(topic=topic, seed=seed)
    rng = Random(f"placement:{topic}:{seed}")
    rng.shuffle(found)
    # Of middling difficulty first; a number is hardly guessed.
    found.sort(key=lambda q: abs(q.difficulty - 3))
    closed = [q for q in found if q.kind == "numeric"][:1]
    return [*closed, *(q for q in found if q.kind == "choice")][:PER_TOPIC]


def placement_results(
    questions: Sequence[Question], grades: Mapping[int, Grade]
) -> dict[str, bool]:
    """Which topics of a placement test were passed: all their questions have to be right."""
    results: dict[str, bool] = {}
    for place, question in enumerate(questions):
        if place in grades:
            right = grades[place].score >= PASSED
            results[question.topic] = results.get(question.topic, True) and right
    return results


def _below(roadmap: Roadmap, topic: str) -> Iterator[str]:
    for name in roadmap.topic(topic).prerequisites:
        yield name
        yield from _below(roadmap, name)
