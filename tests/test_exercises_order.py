"""Shuffled words are told from answers, however those are worded."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.exercises import TextItem, load_items
from tutor.exercises.bank import bank_question
from tutor.exercises.grade import grade
from tutor.exercises.order import order_of, shuffled

REFERENCE = (
    "Without the scale the dot products grow with the dimension, so the softmax saturates and its "
    "gradients vanish; dividing by the square root of the dimension keeps their variance at one."
)
ITEMS = [item for item in load_items().values() if isinstance(item, TextItem)]


def salad(text: str, seed: int = 0) -> str:
    words = text.split()
    random.Random(seed).shuffle(words)
    return " ".join(words)


def test_most_shuffled_references_of_the_bank_are_caught() -> None:
    found = [shuffled(salad(item.reference), item.reference) for item in ITEMS]
    assert sum(found) > 0.9 * len(found)


def test_no_sample_of_the_bank_is_taken_for_shuffled_words() -> None:
    taken = [s.text for item in ITEMS for s in item.samples if shuffled(s.text, item.reference)]
    assert not taken


def test_no_reference_is_taken_for_its_own_words_shuffled() -> None:
    assert not [item.id for item in ITEMS if shuffled(item.reference, item.reference)]


@pytest.mark.parametrize(
    "answer",
    [
        # sentences in another order
        "Dividing by the square root of the dimension keeps their variance at one. Without the "
        "scale the softmax saturates and its gradients vanish, since the dot products grow.",
        # notes
        "* dot products grow * softmax saturates * gradients vanish * variance one",
        # a formula
        r"$softmax(QK^T/\sqrt{d})$ because $Var(q \cdot k) = d$, gradients vanish",
        "gradients vanish",
        "",
    ],
)
def test_answers_and_notes_are_not_shuffled_words(answer: str) -> None:
    assert not shuffled(answer, REFERENCE)


def test_order_of_prose_is_far_above_that_of_its_words_shuffled() -> None:
    prose = order_of(REFERENCE)
    mixed = [order_of(salad(REFERENCE, seed)) for seed in range(20)]
    assert prose is not None and prose > 2
    assert abs(sum(value or 0.0 for value in mixed)) / 20 < 0.8


def test_a_list_of_names_has_no_order() -> None:
    assert (
        order_of("overfitting generalization layers neurons vanishing gradients noise " * 2) is None
    )


def test_shuffled_words_are_graded_wrong_and_the_text_is_not() -> None:
    item = next(item for item in ITEMS if shuffled(salad(item.reference), item.reference))
    question = replace(bank_question(item.id), id="elsewhere")
    mixed = grade(question, salad(item.reference))
    assert mixed.verdict == "incorrect" and "sentences" in mixed.feedback
    assert grade(question, item.reference).score > 0.7


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=40, deadline=None)
def test_any_text_has_an_order_or_none(answer: str, reference: str) -> None:
    assert shuffled(answer, reference) in (True, False)
