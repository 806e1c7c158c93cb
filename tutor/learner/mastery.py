"""How likely a learner masters a topic: Bayesian knowledge tracing over the log of answers.

Pure: no model, no database, no clock. After Corbett and Anderson, "Knowledge tracing" (1995), with
three changes: answers may be partly right, a first estimate leans on the prerequisites, and what is
learnt from an answer grows with its score, so that a wrong answer never raises an estimate. As
there, only the first answer to a question counts: what follows has been told.

The numbers are set so that of learners who guess at most one in a hundred is ever taken for a
master of a topic, by whatever kind of question; `python -m eval.run mastery` measures it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MASTERED = 0.95
READY = 0.6  # enough of a prerequisite to build on
WEAK = 0.25  # below this, an attempted topic counts as failing; one right answer lifts above it

LEARN = 0.02  # chance to learn from one right answer
SLIP = 0.1  # chance of a wrong answer in spite of mastery
# Chance of a right answer without mastery: four options of which some learners exclude one, a
# number, prose, code.
GUESS: Mapping[str, float] = {"choice": 0.3, "numeric": 0.05, "text": 0.15, "code": 0.03}
# Within this time an answer to the same question repeats what the feedback said.
AGAIN = timedelta(hours=20)

_PRIOR = 0.15
_PRIOR_FROM_PREREQUISITES = 0.15
_FLOOR, _CEILING = 0.01, 0.99  # nothing is ever certain


@dataclass(frozen=True)
class Evidence:
    """One graded answer.

    Attributes:
        score: 0 to 1.
        confidence: 0 to 1; how far the grade can be trusted.
        item: What was asked; two answers to one item soon after each other are one piece of
            evidence. Empty counts as a new item every time.
        at: When; without a time nothing is soon.
        objective: Index into the topic's objectives; None where the item serves none alone.
    """

    topic: str
    kind: str
    score: float
    confidence: float = 1.0
    item: str = ""
    at: datetime | None = None
    objective: int | None = None


def update(estimate: float, kind: str, score: float, confidence: float = 1.0) -> float:
    """The estimate after one more answer.

    Args:
        estimate: Chance of mastery before, 0 to 1.
        kind: Kind of question; decides how easily it is guessed.
        score: 0 to 1; between the two the posteriors of right and wrong are mixed.
        confidence: A doubtful grade moves the estimate less.

    Returns:
        Chance of mastery after, 0.01 to 0.99.
    """
    guess = GUESS.get(kind, max(GUESS.values()))
    right = estimate * (1 - SLIP) / (estimate * (1 - SLIP) + (1 - estimate) * guess)
    wrong = estimate * SLIP / (estimate * SLIP + (1 - estimate) * (1 - guess))
    seen = score * right + (1 - score) * wrong
    believed = estimate + confidence * (seen - estimate)
    learnt = believed + (1 - believed) * LEARN * score * confidence
    return min(_CEILING, max(_FLOOR, learnt))


def chance_right(estimate: float, kind: str) -> float:
    """How likely the next answer to a question of this kind is right, 0 to 1."""
    return estimate * (1 - SLIP) + (1 - estimate) * GUESS.get(kind, max(GUESS.values()))


def trace(
    log: Iterable[Evidence], prerequisites: Mapping[str, Sequence[str]]
) -> dict[str, float | None]:
    """Replay a log of answers, oldest first.

    Args:
        prerequisites: The prerequisites of every topic; its keys are the topics known.

    Returns:
        The chance of mastery for every topic; None where there is no evidence. Evidence on unknown
        topics is passed over.
    """
    estimates: dict[str, float | None] = dict.fromkeys(prerequisites)
    for entry in _firsts(log):
        if entry.topic not in estimates:
            continue
        current = estimates[entry.topic]
        if current is None:
            current = prior([estimates.get(name) for name in prerequisites[entry.topic]])
        estimates[entry.topic] = update(current, entry.kind, entry.score, entry.confidence)
    return estimates


def trace_objectives(log: Iterable[Evidence]) -> dict[tuple[str, int], float]:
    """Replay a log of answers, oldest first, for each objective alone.

    An objective has a handful of items, too few to be sure of mastery, but enough to see what is
    missing in a topic.

    Returns:
        The chance of mastery by topic and objective, for those with evidence.
    """
    estimates: dict[tuple[str, int], float] = {}
    for entry in _firsts(log):
        if entry.objective is not None:
            key = (entry.topic, entry.objective)
            current = estimates.get(key, _PRIOR)
            estimates[key] = update(current, entry.kind, entry.score, entry.confidence)
    return estimates


def _firsts(log: Iterable[Evidence]) -> Iterator[Evidence]:
    """The answers that count: no second answer to an item soon after the first."""
    counted: dict[str, datetime] = {}
    for entry in log:
        # Labs don't tell their solution: there each run counts.
        if entry.item and entry.at is not None and entry.kind != "code":
            if entry.item in counted and entry.at - counted[entry.item] < AGAIN:
                continue
            counted[entry.item] = entry.at
        yield entry


def prior(prerequisites: Sequence[float | None]) -> float:
    """The first estimate of a topic, from what is known of its prerequisites."""
    known = [estimate for estimate in prerequisites if estimate is not None]
    return _PRIOR + _PRIOR_FROM_PREREQUISITES * (sum(known) / len(known) if known else 0.0)
