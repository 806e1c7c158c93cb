"""What a log of answers tells its learner: how well they judge themselves, and when they study.

Pure: rows come in as `Store.attempts` gives them, and so does the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

LEVELS: Mapping[int, str] = {1: "Guessing", 2: "Fairly sure", 3: "Sure"}
ENOUGH = 5  # answers of a level before anything is read from it
DAYS = 14  # that the study days are counted over


@dataclass(frozen=True)
class Judgement:
    """How often a learner who said so was right.

    Attributes:
        level: 1 guessing, 2 fairly sure, 3 sure.
        right: Mean score, 0 to 1.
    """

    level: int
    answers: int
    right: float


def judgements(attempts: Sequence[Mapping[str, Any]]) -> list[Judgement]:
    """Own sureness against scores, by level; contested and unsure grades don't count."""
    found: dict[int, list[float]] = {}
    for row in attempts:
        if row["sureness"] in LEVELS and not row["contested"] and row["verdict"] != "unsure":
            found.setdefault(row["sureness"], []).append(row["score"])
    return [
        Judgement(level, len(scores), sum(scores) / len(scores))
        for level, scores in sorted(found.items())
    ]


def judgement_advice(rows: Sequence[Judgement]) -> str:
    """One sentence on how well the learner judges themselves; empty while it is too early."""
    known = {row.level: row for row in rows if row.answers >= ENOUGH}
    if 3 in known and known[3].right < 0.75:
        return "You are sure more often than you are right: check such answers once more."
    if 1 in known and known[1].right > 0.6:
        return "You know more than you think: answers that you call guesses are mostly right."
    if 3 in known:
        return "When you are sure, you are right: you can trust that feeling."
    return ""


def study_days(attempts: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """On how many of the last 14 days, today included, something was answered; local dates."""
    return len(_dates(attempts) & {_day(now) - timedelta(days=n) for n in range(DAYS)})


def streak(attempts: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """Days in a row with an answer, up to today, or to yesterday while today is still open."""
    dates, day = _dates(attempts), _day(now)
    if day not in dates:
        day -= timedelta(days=1)
    count = 0
    while day in dates:
        count, day = count + 1, day - timedelta(days=1)
    return count


def _dates(attempts: Sequence[Mapping[str, Any]]) -> set[date]:
    return {_day(row["at"]) for row in attempts}


def _day(time: datetime) -> date:
    return time.astimezone().date()
