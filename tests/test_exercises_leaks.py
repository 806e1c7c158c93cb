"""Texts that give a key away, in many forms, and those that don't."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.exercises import question_of
from eval.report import read_lines
from tutor.exercises.hints import FALLBACKS, hint_ladder
from tutor.exercises.leaks import gives_away
from tutor.exercises.question import Question

LINES = list(read_lines("hint_leaks.jsonl"))


def numeric(key: float) -> Question:
    return Question("x", "numeric", 1, "math-for-ml", 1, "?", "bank", key=key)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line['id']} {line['form']}")
def test_adversarial_text(line: dict[str, Any]) -> None:
    assert gives_away(line["text"], question_of(line)) == line["leaks"]


def test_hidden_key_never_reaches_a_hint() -> None:
    for line in LINES:
        if line["leaks"]:
            ladder = hint_ladder(question_of(line, hidden=line["text"]))
            assert all(line["text"].strip(". ") not in hint for hint in ladder), line["id"]


@pytest.mark.parametrize("kind", FALLBACKS)
def test_general_advice_states_no_number(kind: str) -> None:
    for value in (1.0, 2.0, 3.0, 10.0):
        assert not any(gives_away(hint, numeric(value)) for hint in FALLBACKS[kind])


def test_two_hints_together_leave_more_than_the_key() -> None:
    question = Question(
        "x", "choice", 1, "math-for-ml", 1, "?", "parametric", options=("red", "green", "blue"),
        key=0, option_whys=("", "Green is grass.", "Blue is the sea."),
    )  # fmt: skip
    said = " ".join(hint_ladder(question))
    assert not ("“green”" in said and "“blue”" in said)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["{}", "It is {}.", "{} heads", "x = {}", "({})"]))
def test_digits_of_the_key_are_found_in_any_frame(key: int, frame: str) -> None:
    for written in (str(key), f"{key:,}", f"{key:_}", f"{key:,}".replace(",", " ")):
        assert gives_away(frame.format(written), numeric(key)), written


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_without_failing(text: str) -> None:
    gives_away(text, numeric(12.0))
    gives_away(text, question_of(LINES[0]))
