"""When a topic is due for review: FSRS over the log of answers.

Pure: time comes in with every answer and question, and nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

RETENTION = 0.9  # chance of recall at which a review falls due
MAX_INTERVAL = 365  # days


@dataclass(frozen=True)
class Recall:
    """One graded answer on a topic at a time (UTC)."""

    topic: str
    score: float
    at: datetime


@dataclass(frozen=True)
class Review:
    """The next review of a topic.

    Attributes:
        due: UTC.
        stability: Days in which the chance of recall falls to 90%.
        retrievability: Chance of recall at the time asked for, 0 to 1.
    """

    topic: str
    due: datetime
    stability: float
    retrievability: float

    def to_dict(self) -> dict[str, Any]:
        """The review as JSON can hold it."""
        return {
            "topic": self.topic,
            "due": self.due.isoformat(),
            "stability_days": round(self.stability, 2),
            "retrievability": round(self.retrievability, 3),
        }


def schedule(log: Iterable[Recall], now: datetime) -> list[Review]:
    """The next review of every topic in the log, most urgent first.

    Args:
        log: Answers in any order; those after `now` are passed over.
        now: With a time zone.

    Raises:
        ValueError: A time has no time zone.
    """
    from fsrs import Card, Rating

    scheduler = _scheduler()
    now = _utc(now)
    cards: dict[str, Any] = {}
    for entry in sorted(log, key=lambda recall: _utc(recall.at)):
        at = _utc(entry.at)
        if at > now:
            continue
        # The card's number is never used; without one, FSRS takes it from the clock.
        card = cards.get(entry.topic) or Card(card_id=1, due=at)
        rating = Rating[_rating(entry.score)]
        cards[entry.topic], _ = scheduler.review_card(card, rating, review_datetime=at)
    reviews = [
        Review(
            topic,
            card.due,
            float(card.stability),
            float(scheduler.get_card_retrievability(card, current_datetime=now)),
        )
        for topic, card in cards.items()
    ]
    return sorted(reviews, key=lambda review: (review.due, review.topic))


def due(log: Iterable[Recall], now: datetime) -> list[Review]:
    """The reviews that are due at `now`, most urgent first.

    Raises:
        ValueError: A time has no time zone.
    """
    return [review for review in schedule(log, now) if review.due <= _utc(now)]


def _rating(score: float) -> str:
    """FSRS' name for how well something was recalled."""
    if score < 0.4:
        return "Again"
    return "Hard" if score < 0.8 else "Good"


@cache
def _scheduler() -> Any:
    from fsrs import Scheduler

    # Topics are no flash cards: no steps of minutes, and no random days, so that a log replays.
    return Scheduler(
        desired_retention=RETENTION,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=MAX_INTERVAL,
        enable_fuzzing=False,
    )


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a time without its time zone can't be compared")
    return time.astimezone(UTC)
