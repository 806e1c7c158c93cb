"""What to study next, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from corpus.lessons import load_lessons
from corpus.papers import papers_of_topic
from corpus.roadmap import Roadmap
from tutor.learner.mastery import MASTERED, READY, WEAK
from tutor.learner.schedule import Review

Mastery = Mapping[str, float | None]
Objectives = Mapping[tuple[str, int], float]


@dataclass(frozen=True)
class Step:
    """The next step.

    Attributes:
        topic: None where nothing is left to do.
        why: One or two sentences for the learner.
        goal: The topic that waits for this one; None where the step serves itself.
        blocked_by: What is missing for the goal, deepest first; the step's own topic is the first.
    """

    topic: str | None
    title: str
    why: str
    kind: Literal["learn", "review"]
    goal: str | None = None
    blocked_by: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The step as JSON can hold it."""
        return {**asdict(self), "blocked_by": list(self.blocked_by)}


def next_step(
    roadmap: Roadmap,
    mastery: Mastery,
    due: Sequence[Review],
    now: datetime,
    objectives: Objectives | None = None,
) -> Step:
    """Choose what to study now.

    In this order: what stands behind a failing topic, a review that is due, a topic under way, and
    the next topic of the roadmap whose prerequisites are there.

    Args:
        mastery: Chance of mastery by topic; None or absent where nothing is known.
        due: Reviews, most urgent first; those after `now` are passed over.
        objectives: Chance of mastery by topic and objective; says what in a topic is missing.
    """
    weak = [topic.id for topic in roadmap.topics() if _failing(mastery.get(topic.id))]
    if weak:
        return _repair(roadmap, mastery, weak, objectives or {})
    for review in due:
        if review.due <= now and _known(roadmap, review.topic):
            title = roadmap.topic(review.topic).title
            recall = f"{review.retrievability:.0%}"
            why = f"“{title}” is due for review: your chance to recall it is down to {recall}."
            return Step(review.topic, title, why, "review")
    for topic in roadmap.topics():
        estimate = mastery.get(topic.id)
        if estimate is not None and estimate < MASTERED:
            why = f"You are at {estimate:.0%} of “{topic.title}”; a few more answers settle it."
            return Step(topic.id, topic.title, why, "learn")
    presumed = vouched(roadmap, mastery)
    for topic in roadmap.topics():
        if mastery.get(topic.id) is None and topic.id not in presumed:
            return _begin(roadmap, mastery, topic.id)
    return Step(None, "", "You have mastered every topic of the roadmap.", "review")


def progress_rows(
    roadmap: Roadmap, mastery: Mastery, reviews: Sequence[Review] = ()
) -> list[dict[str, Any]]:
    """One row a topic in roadmap order: stage, topic, title, mastery, status, due (ISO or None).

    Status is mastered, learning, weak, presumed (one that builds on it is there), ready (its
    prerequisites are there) or locked.
    """
    presumed = vouched(roadmap, mastery)
    due = {review.topic: review.due.isoformat() for review in reviews}
    return [
        {
            "stage": stage.n,
            "topic": topic.id,
            "title": topic.title,
            "mastery": mastery.get(topic.id),
            "status": "presumed" if topic.id in presumed else _status(roadmap, mastery, topic.id),
            "due": due.get(topic.id),
        }
        for stage in roadmap.stages
        for topic in stage.topics
    ]


def roadmap_rows(roadmap: Roadmap, mastery: Mastery) -> dict[str, Any]:
    """The roadmap with a learner's mastery, as JSON; the command line's contract."""
    lessons = load_lessons()
    return {
        "stages": [
            {
                "n": stage.n,
                "title": stage.title,
                "modules": [
                    {
                        "id": module.id,
                        "title": module.title,
                        "topics": [
                            {
                                "id": topic.id,
                                "title": topic.title,
                                "objectives": list(topic.objectives),
                                "prerequisites": list(topic.prerequisites),
                                "papers": [paper.id for paper in papers_of_topic(topic.id)],
                                "lesson": topic.id in lessons,
                                "mastery": mastery.get(topic.id),
                            }
                            for topic in module.topics
                        ],
                    }
                    for module in stage.modules
                ],
            }
            for stage in roadmap.stages
        ]
    }


def vouched(roadmap: Roadmap, mastery: Mastery) -> set[str]:
    """Topics without evidence that are presumed known: one that builds on them is there."""
    found: set[str] = set()
    # Prerequisites may stand in any order, so each is followed down to the ground.
    below = [topic.id for topic in roadmap.topics() if (mastery.get(topic.id) or 0.0) >= READY]
    while below:
        for name in roadmap.topic(below.pop()).prerequisites:
            if mastery.get(name) is None and name not in found:
                found.add(name)
                below.append(name)
    return found


def missing_prerequisites(roadmap: Roadmap, mastery: Mastery, topic_id: str) -> list[str]:
    """The prerequisites of a topic, direct and indirect, that are not there yet, deepest first.

    A topic that is there vouches for what lies below it.
    """
    found: list[str] = []
    presumed = vouched(roadmap, mastery)

    def visit(name: str) -> None:
        for prerequisite in roadmap.topic(name).prerequisites:
            estimate = mastery.get(prerequisite)
            there = prerequisite in presumed if estimate is None else estimate >= READY
            if prerequisite not in found and not there:
                visit(prerequisite)
                if prerequisite not in found:
                    found.append(prerequisite)

    visit(topic_id)
    return found


def gap(roadmap: Roadmap, topic_id: str, objectives: Objectives) -> str:
    """The objective of a topic that fails most, in its own words; empty where none does."""
    failing = {
        place: objectives[topic_id, place]
        for place in range(len(roadmap.topic(topic_id).objectives))
        if objectives.get((topic_id, place), READY) < WEAK
    }
    if not failing:
        return ""
    return roadmap.topic(topic_id).objectives[min(failing, key=lambda place: failing[place])]


def _failing(estimate: float | None) -> bool:
    return estimate is not None and estimate < WEAK


def _repair(
    roadmap: Roadmap, mastery: Mastery, weak: Sequence[str], objectives: Objectives
) -> Step:
    """What to do about failing topics, given in roadmap order: the deepest comes first."""
    deepest = weak[0]
    missing = missing_prerequisites(roadmap, mastery, deepest)
    if missing:
        # What was tried and is weak explains more than what was never looked at.
        first = next((name for name in missing if mastery.get(name) is not None), missing[0])
        goal, rest = deepest, [name for name in missing if name != first]
    else:
        first, rest = deepest, []
        above = [name for name in weak[1:] if first in _below(roadmap, name)]
        goal = above[0] if above else first
    title, below = roadmap.topic(goal).title, roadmap.topic(first).title
    lack = gap(roadmap, first, objectives)
    about = f" What fails there: “{lack}”." if lack else ""
    if goal == first:
        why = f"Your answers on “{title}” were mostly wrong.{about}"
        why += " Read its lesson again, then practise."
        return Step(first, title, why, "learn")
    if mastery.get(first) is None:
        state = "you have not studied yet"
    else:
        state = "is weak" if _failing(mastery.get(first)) else "is not firm yet"
    why = f"“{title}” went wrong, and it builds on “{below}”, which {state}.{about} Start there."
    return Step(first, below, why, "learn", goal, (first, *rest))


def _below(roadmap: Roadmap, topic_id: str) -> set[str]:
    """All that a topic builds on, directly or not."""
    found: set[str] = set()
    waiting = [topic_id]
    while waiting:
        for name in roadmap.topic(waiting.pop()).prerequisites:
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _begin(roadmap: Roadmap, mastery: Mastery, topic_id: str) -> Step:
    missing = missing_prerequisites(roadmap, mastery, topic_id)
    first = roadmap.topic(missing[0] if missing else topic_id)
    if not missing:
        basis = "its prerequisites are there" if first.prerequisites else "it needs nothing before"
        return Step(first.id, first.title, f"It is next on the roadmap, and {basis}.", "learn")
    goal = roadmap.topic(topic_id).title
    why = f"“{goal}” is next on the roadmap, and “{first.title}” comes before it."
    return Step(first.id, first.title, why, "learn", topic_id, tuple(missing))


def _status(roadmap: Roadmap, mastery: Mastery, topic_id: str) -> str:
    estimate = mastery.get(topic_id)
    if estimate is None:
        return "locked" if missing_prerequisites(roadmap, mastery, topic_id) else "ready"
    if estimate >= MASTERED:
        return "mastered"
    return "weak" if estimate < WEAK else "learning"


def _known(roadmap: Roadmap, topic_id: str) -> bool:
    return any(topic.id == topic_id for topic in roadmap.topics())
