"""The Labs tab: what it shows."""

from __future__ import annotations

import pytest

from corpus.labs import load_labs
from tutor.exercises.code import CodeGrade, TestResult
from tutor.exercises.question import Grade
from tutor.ui.labs import (
    best_markdown,
    hints_markdown,
    lab_label,
    results_html,
    task_markdown,
)

GRADE = Grade("lab:x", 0.5, "partial", 1.0, "1 of 2 tests pass.")
BAD = "<img src=x onerror=alert(1)>"


def test_messages_from_the_sandbox_are_escaped() -> None:
    shown = results_html(CodeGrade(GRADE, (TestResult("sum", False, BAD),), BAD, BAD))
    assert "<img" not in shown and shown.count("&lt;img") == 2


def test_results_name_each_test_and_count_the_passed() -> None:
    tests = (TestResult("sum", True), TestResult("scale", False, "Scale it."))
    shown = results_html(CodeGrade(GRADE, tests))
    assert "1 of 2 tests pass" in shown and "Scale it." in shown
    assert shown.count('class="passed"') == shown.count('class="failed"') == 1


def test_code_that_was_not_run_says_why() -> None:
    grade = Grade("lab:x", 0.0, "incorrect", 1.0, "Line 1 uses 'import os'")
    assert "import os" in results_html(CodeGrade(grade, ()))


@pytest.mark.parametrize(
    ("scores", "shown"),
    [([], "Not tried yet"), ([0.5], "Best: 50% · 1 attempt"), ([0.2, 1.0, 0.4], "✓ Solved · 3")],
)
def test_best_result_is_shown(scores: list[float], shown: str) -> None:
    assert shown in best_markdown([{"score": score} for score in scores])


def test_same_message_is_said_once() -> None:
    tests = tuple(TestResult(name, False, "Not written yet.") for name in "abc")
    shown = results_html(CodeGrade(GRADE, tests))
    assert shown.count("Not written yet.") == 1 and shown.count("The same as above.") == 2


def test_task_says_where_it_belongs() -> None:
    lab = load_labs()["attention"]
    assert task_markdown(lab).startswith("*Stage 3")
    assert lab_label(lab) == f"3 · {lab.title}"


def test_hints_stand_apart_from_the_task() -> None:
    for lab in load_labs().values():
        hints = hints_markdown(lab)
        assert hints.startswith("1. ") and hints not in task_markdown(lab), lab.id
        assert "Hints" not in task_markdown(lab), lab.id
