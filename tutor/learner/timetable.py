"""A plan with dates: when each open topic can be done at so many hours a week.

Pure: no database and no clock. The plan is computed anew from what is known today, so what was
done is gone from it, and what took longer moves the rest.

How long a topic takes is reckoned, not measured: its lesson's minutes, its labs' minutes, and the
answers until mastery shows. Reviews come out of the same hours, at the times that FSRS would set
if each of them went right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil, isfinite
from typing import Any

from corpus.labs import labs_of
from corpus.lessons import load_lessons
from corpus.roadmap import Roadmap
from tutor.errors import InputError
from tutor.learner.mastery import MASTERED, READY, WEAK
from tutor.learner.plan import Mastery, vouched
from tutor.learner.schedule import Recall, schedule

MIN_HOURS, MAX_HOURS = 0.5, 80.0
FURTHEST = timedelta(days=366)  # that a start may lie ahead
ANSWER_MINUTES = 3
ANSWERS = 6  # until mastery shows: 4 to 5 of somebody who knows, and some that went wrong
REVIEW_MINUTES = 6  # two answers
# However much is due, half of the time goes on to new things; else little time would end nothing.
REVIEW_SHARE = 0.5
PASSED = 0.8  # score of a lab that need not be done again


@dataclass(frozen=True)
class Pace:
    """What a learner gives.

    Attributes:
        hours: A week.
        start: None starts at once; a day that has passed does as well.
        goal: The last stage to reach; None goes to the end of the roadmap.
    """

    hours: float
    start: date | None = None
    goal: int | None = None

    def check(self, roadmap: Roadmap, today: date) -> None:
        """Refuse what no plan can be made of.

        Raises:
            InputError: Hours, start or goal are out of range.
        """
        if not (isfinite(self.hours) and MIN_HOURS <= self.hours <= MAX_HOURS):
            raise InputError(
                f"A plan of {self.hours:g} hours a week can't be made.",
                f"Give {MIN_HOURS:g} to {MAX_HOURS:g} hours.",
            )
        if self.start is not None and self.start - today > FURTHEST:
            raise InputError(
                f"A start on {self.start} is too far off to plan for.",
                "Give a day within a year, or none to start now.",
            )
        if self.goal is not None and self.goal not in {stage.n for stage in roadmap.stages}:
            raise InputError(f"There is no stage {self.goal}.", "Give a stage from 1 to 7.")


@dataclass(frozen=True)
class Entry:
    """One topic of the plan, from its first day to its last."""

    topic: str
    title: str
    stage: int
    begins: date
    ends: date
    minutes: int


@dataclass(frozen=True)
class Week:
    """Seven days from `begins`: minutes by topic, and the topics that are reviewed."""

    begins: date
    topics: dict[str, int]
    reviews: tuple[str, ...]

    @property
    def minutes(self) -> int:
        """All that the week takes."""
        return sum(self.topics.values()) + REVIEW_MINUTES * len(self.reviews)


@dataclass(frozen=True)
class Timetable:
    """The whole plan; without entries nothing is left to learn."""

    pace: Pace
    entries: tuple[Entry, ...]
    weeks: tuple[Week, ...]

    @property
    def ends(self) -> date | None:
        """The day on which the last topic is done."""
        return self.entries[-1].ends if self.entries else None

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        start = self.pace.start
        return {
            "hours": self.pace.hours,
            "start": start.isoformat() if start else None,
            "goal": self.pace.goal,
            "ends": self.ends.isoformat() if self.ends else None,
            "minutes": sum(week.minutes for week in self.weeks),
            "topics": [
                asdict(entry) | {"begins": str(entry.begins), "ends": str(entry.ends)}
                for entry in self.entries
            ],
            "weeks": [
                {
                    "begins": str(week.begins),
                    "minutes": week.minutes,
                    "topics": dict(week.topics),
                    "reviews": list(week.reviews),
                }
                for week in self.weeks
            ],
        }


def timetable(
    roadmap: Roadmap,
    mastery: Mastery,
    log: Iterable[Recall],
    pace: Pace,
    today: date,
    minutes: Mapping[str, int],
) -> Timetable:
    """Lay what is open out over the weeks to come.

    Args:
        log: The answers so far, for the reviews.
        minutes: What each topic still takes; see `workload`.

    Raises:
        InputError: See `Pace.check`.
    """
    pace.check(roadmap, today)
    budget = round(pace.hours * 60)
    waiting = [(name, max(1, minutes[name])) for name in study_order(roadmap, mastery, pace.goal)]
    reviews = _Reviews(log, {name for name, _ in waiting}, roadmap, today)
    entries: list[Entry] = []
    weeks: list[Week] = []
    week, begun = max(today, pace.start or today), None
    while waiting:
        reviewed = reviews.take(week, int(budget * REVIEW_SHARE) // REVIEW_MINUTES)
        free = budget - REVIEW_MINUTES * len(reviewed)
        used, done = 0, dict[str, int]()
        while waiting and used < free:
            name, left = waiting.pop(0)
            begun = begun or week + timedelta(days=7 * used // free)
            part = min(left, free - used)
            used, done[name] = used + part, part
            if part < left:
                waiting.insert(0, (name, left - part))
                continue
            last = week + timedelta(days=ceil(7 * used / free) - 1)
            title, stage = roadmap.topic(name).title, roadmap.stage_of(name)
            entries.append(Entry(name, title, stage, begun, last, max(1, minutes[name])))
            reviews.learnt(name, last)
            begun = None
        weeks.append(Week(week, done, tuple(reviewed)))
        week += timedelta(days=7)
    return Timetable(pace, tuple(entries), tuple(weeks))


def study_order(roadmap: Roadmap, mastery: Mastery, goal: int | None = None) -> list[str]:
    """The topics that are open, each after those of its prerequisites that are open as well.

    What fails comes first, then what is under way, then the roadmap in its order.

    Args:
        goal: The last stage; what its topics build on belongs to it wherever it stands.
    """
    presumed = vouched(roadmap, mastery)
    prerequisites = {topic.id: topic.prerequisites for topic in roadmap.topics()}

    def urgency(name: str) -> int:
        estimate = mastery.get(name)
        return 2 if estimate is None else int(estimate >= WEAK)

    found: list[str] = []

    def visit(name: str) -> None:
        if name in found or name in presumed or (mastery.get(name) or 0.0) >= MASTERED:
            return
        for prerequisite in prerequisites[name]:
            visit(prerequisite)
        found.append(name)

    wanted = [
        topic.id for stage in roadmap.stages for topic in stage.topics if stage.n <= (goal or 99)
    ]
    for name in sorted(wanted, key=urgency):
        visit(name)
    return found


def workload(
    roadmap: Roadmap, mastery: Mastery, attempts: Sequence[Mapping[str, Any]] = ()
) -> dict[str, int]:
    """What each topic still takes, in minutes.

    A lesson counts until its topic is firm enough to build on, a lab until it is passed, and of the
    answers the part that is missing to mastery.

    Args:
        attempts: Rows as `Store.attempts` gives them.
    """
    passed = {row["question_id"] for row in attempts if row["score"] >= PASSED}
    lessons = load_lessons()
    found = {}
    for topic in roadmap.topics():
        estimate = mastery.get(topic.id) or 0.0
        lesson = lessons.get(topic.id)
        reading = lesson.minutes if lesson is not None and estimate < READY else 0
        labs = sum(lab.minutes for lab in labs_of(topic.id) if f"lab:{lab.id}" not in passed)
        missing = max(0.0, 1 - estimate / MASTERED)
        found[topic.id] = reading + labs + ceil(ANSWERS * missing) * ANSWER_MINUTES
    return found


class _Reviews:
    """The reviews to come, if each is done in the week in which it falls due and goes right."""

    def __init__(
        self, log: Iterable[Recall], open_: set[str], roadmap: Roadmap, today: date
    ) -> None:
        self._memory: dict[str, list[Recall]] = {}
        self._due: dict[str, date] = {}
        known = {topic.id for topic in roadmap.topics()}
        for entry in log:
            if entry.topic in known:
                self._memory.setdefault(entry.topic, []).append(entry)
        # What is still being learnt is practised anyway.
        for name in self._memory.keys() - open_:
            self._plan(name, max(_noon(today), *(entry.at for entry in self._memory[name])))

    def take(self, week: date, most: int) -> list[str]:
        """The topics reviewed in a week, those that wait longest first."""
        end = week + timedelta(days=7)
        ready = sorted((day, name) for name, day in self._due.items() if day < end)[:most]
        for day, name in ready:
            self.learnt(name, max(day, week))
        return [name for _, name in ready]

    def learnt(self, name: str, day: date) -> None:
        """A topic was recalled on a day; its next review follows from that."""
        at = _noon(day)
        memory = self._memory.setdefault(name, [])
        memory.append(Recall(name, 1.0, max([at, *(entry.at for entry in memory)])))
        self._plan(name, memory[-1].at)

    def _plan(self, name: str, now: datetime) -> None:
        for review in schedule(self._memory[name], now):
            self._due[name] = review.due.date()


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
