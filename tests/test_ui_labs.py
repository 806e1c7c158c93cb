"""The Labs tab: what it shows."""

from __future__ import annotations

import pytest

from corpus.labs import load_labs
from tutor.exercises.code import CodeGrade, TestResult
from tutor.exercises.question import Grade
from tutor.ui.labs import best_markdown, results_html, task_markdown

GRADE = Grade("lab:x", 0.5, "partial", 1.0, "1 of 2 tests pass.")
BAD = "<img src=x onerror=alert(1)>"


def test_messages_from_the_sandbox_are_escaped() -> None:
    shown = results_html(CodeGrade(GRADE, (TestResult("sum", False, BAD),), BAD, BAD))
    assert "<img" not in shown and shown.count("&lt;img") == 2


def test_results_name_each_test_and_count_the_passed() -> None:
    tests = (TestResult("sum", True), TestResult("scale", False, "Scale it."))
    shown = results_html(CodeGrade(GRADE, tests))
    assert "1 of 2 tests pass" in shown and "✓ <strong>sum" in shown and "Scale it." in shown


def test_code_that_was_not_run_says_why() -> None:
    grade = Grade("lab:x", 0.0, "incorrect", 1.0, "Line 1 uses 'import os'")
    assert "import os" in results_html(CodeGrade(grade, ()))


@pytest.mark.parametrize(
    ("scores", "shown"),
    [([], "Not tried yet"), ([0.5], "Best: 50% · 1 attempt"), ([0.2, 1.0, 0.4], "✓ Solved · 3")],
)
def test_best_result_is_shown(scores: list[float], shown: str) -> None:
    assert shown in best_markdown([{"score": score} for score in scores])


def test_task_says_where_it_belongs() -> None:
    shown = task_markdown(load_labs()["attention"])
    assert shown.startswith("*Stage 3") and "## Hints" in shown
