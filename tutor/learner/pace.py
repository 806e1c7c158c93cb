"""The hours a week that a learner gives, kept as a remark in the log of their feedback.

There it needs no table of its own: it goes along when a learner's data is exported, imported or
deleted. The latest remark counts; an empty one takes the plan back.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from corpus.roadmap import load_roadmap
from tutor.errors import InputError
from tutor.learner.schedule import Recall
from tutor.learner.timetable import Pace, Timetable, timetable, workload

if TYPE_CHECKING:
    from tutor.learner.store import Store

logger = logging.getLogger(__name__)

TARGET = "plan"
_WORDS = "one two three four five six seven eight nine ten".split()
_NUMBERS = {word: number for number, word in enumerate(_WORDS, start=1)}
_AMOUNT = re.compile(
    # Of "3-4 hours" the 4 counts; -5 is no amount.
    r"(?i)(?<![\w.,])(?<!(?<!\d)-)(?:(?P<number>\d{1,4}(?:[.,]\d{1,2})?)|"
    rf"(?P<word>{'|'.join(_NUMBERS)}|an?|half an))\s*"
    r"(?P<unit>h|hrs?|hours?|min|mins|minutes?)\b[^.?!\d]{0,30}?"
    r"(?:(?:\b(?:a|an|per|each|every)|/)\s*(?P<span>day|week)|\b(?P<adverb>daily|weekly))\b"
)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def keep_pace(store: Store, learner: str, pace: Pace | None, at: datetime | None = None) -> None:
    """Remember a learner's pace; None takes the plan back.

    Raises:
        InputError: No plan can be made of it; the one before stays.
        StoreError: The database fails.
    """
    at, note = at or datetime.now(UTC), ""
    if pace is not None:
        pace.check(load_roadmap(), at.astimezone().date())
        start = pace.start.isoformat() if pace.start else None
        note = json.dumps({"hours": pace.hours, "start": start, "goal": pace.goal})
    store.add_feedback(learner, TARGET, 0, note, at=at)


def pace_of(store: Store, learner: str) -> Pace | None:
    """What the learner gave last, if anything."""
    notes = [row for row in store.feedback(learner) if row["target"] == TARGET]
    if not notes:
        return None
    return read_pace(max(notes, key=lambda row: (row["at"], row["id"]))["note"])


def plan_of(store: Store, learner: str, now: datetime) -> Timetable | None:
    """A learner's plan from today on; None where they gave no pace that one can be made of."""
    pace = pace_of(store, learner)
    if pace is None:
        return None
    mastery, attempts = store.mastery(learner), store.attempts(learner)
    counted = [row for row in attempts if not row["contested"] and row["verdict"] != "unsure"]
    log = [Recall(row["topic"], row["score"], row["at"]) for row in counted]
    roadmap, today = load_roadmap(), now.astimezone().date()
    try:
        return timetable(roadmap, mastery, log, pace, today, workload(roadmap, mastery, counted))
    except InputError as error:  # it came with imported data
        logger.warning("No plan can be made: %s", error)
        return None


def read_pace(note: str) -> Pace | None:
    """The pace in a remark; None where it holds none, as one from elsewhere might not."""
    try:
        given = json.loads(note or "null")
        if given is None:
            return None
        start, goal = given.get("start"), given.get("goal")
        return Pace(
            float(given["hours"]),
            date.fromisoformat(start) if start else None,
            None if goal is None else int(goal),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        logger.warning("A plan's remark could not be read, and is passed over.")
        return None


def pace_in(text: str, goal: int | None = None) -> Pace | None:
    """The pace that a message gives: "5 hours a week", "half an hour a day from 2026-12-01".

    Args:
        goal: The stage that the message names.
    """
    found = _AMOUNT.search(text)
    if found is None:
        return None
    word = (found["word"] or "").lower()
    if found["number"]:
        amount = float(found["number"].replace(",", "."))
    else:
        amount = 0.5 if word == "half an" else float(_NUMBERS.get(word, 1))
    if found["unit"].lower().startswith("m"):
        amount /= 60
    if (found["span"] or found["adverb"]).lower() in {"day", "daily"}:
        amount *= 7
    return Pace(round(amount, 2), day_in(text), goal)


def day_in(text: str) -> date | None:
    """The first day that a text names as 2026-12-01; None where there is none by that name."""
    for match in _DATE.finditer(text):
        try:
            return date.fromisoformat(match[0])
        except ValueError:
            continue
    return None
