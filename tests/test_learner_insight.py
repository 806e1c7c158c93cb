"""What the progress page reads from the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tutor.learner.insight import Judgement, judgement_advice, judgements, streak, study_days

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def row(days: int = 0, sureness: int | None = None, score: float = 1.0, **more: Any) -> Any:
    shown = {"contested": False, "verdict": "correct", **more}
    return {"at": NOW - timedelta(days=days), "sureness": sureness, "score": score, **shown}


def test_judgements_leave_out_what_does_not_count() -> None:
    log = [row(0, 3), row(0, 3, 0.0), row(0, 1, 0.0), row(0, None), row(0, 3, contested=True),
           row(0, 2, verdict="unsure")]  # fmt: skip
    assert judgements(log) == [Judgement(1, 1, 0.0), Judgement(3, 2, 0.5)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        ([Judgement(3, 4, 0.0)], ""),
        ([Judgement(3, 9, 0.5)], "more often than you are right"),
        ([Judgement(1, 9, 0.9), Judgement(3, 9, 1.0)], "more than you think"),
        ([Judgement(3, 9, 0.9)], "trust"),
    ],
)
def test_advice_waits_for_enough_answers(rows: list[Judgement], said: str) -> None:
    advice = judgement_advice(rows)
    assert said in advice and bool(advice) == bool(said)


def test_streak_survives_a_day_that_is_not_over() -> None:
    assert streak([row(1), row(2), row(2), row(4)], NOW) == 2
    assert streak([row(0), row(1)], NOW) == 2
    assert streak([row(2)], NOW) == streak([], NOW) == 0


def test_study_days_look_back_two_weeks() -> None:
    assert study_days([row(0), row(0), row(13), row(14)], NOW) == 2
