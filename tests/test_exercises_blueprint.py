"""Stage tests in two forms, and the placement test."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.roadmap import load_roadmap
from tutor.errors import NotFoundError
from tutor.exercises.bank import bank_questions
from tutor.exercises.blueprint import (
    MAX_SLOTS,
    PLACEMENT_TOPICS,
    Gain,
    gains,
    placement_questions,
    placement_results,
    placement_topic,
    review_questions,
    stage_form,
)
from tutor.exercises.question import Grade, Question

ROADMAP = load_roadmap()


def slots(form: list[Question]) -> Counter[tuple[str, str, int]]:
    return Counter((q.topic, q.kind, q.difficulty) for q in form)


def items(form: list[Question]) -> set[str]:
    return {q.id.rsplit(":", 1)[0] for q in form}


@pytest.mark.parametrize("stage", range(1, 8))
def test_forms_match_slot_by_slot_and_share_no_item(stage: int) -> None:
    pre, post = stage_form(stage, "pre", 5), stage_form(stage, "post", 5)
    assert slots(pre) == slots(post) and 8 <= len(pre) <= MAX_SLOTS
    assert not items(pre) & items(post) and len(items(pre)) == len(pre)
    assert {q.stage for q in pre} == {stage}
    assert {q.kind for q in pre} <= {"choice", "numeric"}


def test_form_is_reproduced_by_its_seed() -> None:
    assert stage_form(2, "pre", 1) == stage_form(2, "pre", 1)
    assert items(stage_form(2, "pre", 1)) != items(stage_form(2, "pre", 2))


def test_unknown_stage() -> None:
    with pytest.raises(NotFoundError):
        stage_form(9, "pre")


def row(session: str, question: str, score: float, **more: Any) -> dict[str, Any]:
    return {"session": session, "question_id": question, "score": score, **more}


def test_gain_takes_first_answers_of_both_forms() -> None:
    log = [
        row("", "x", 1.0), row("pre:1", "a", 0.0), row("pre:1", "b", 1.0),
        row("pre:2", "c", 1.0), row("post:1", "d", 1.0), row("post:1", "e", 0.5),
        row("post:1", "d", 0.0), row("post:1", "f", 0.0, contested=True),
    ]  # fmt: skip
    [gain] = gains(log)
    assert gain == Gain(1, 0.5, 0.75) and gain.share == 0.5
    assert Gain(1, 1.0, 1.0).share is None


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from([topic.id for topic in ROADMAP.topics()])))
def test_placement_ends_and_never_asks_what_is_decided(known: set[str]) -> None:
    results: dict[str, bool] = {}
    while (topic := placement_topic(ROADMAP, results)) is not None:
        assert topic not in results
        for name in (n for n, passed in results.items() if passed):
            assert topic not in ROADMAP.topic(name).prerequisites
        for name in (n for n, passed in results.items() if not passed):
            assert name not in ROADMAP.topic(topic).prerequisites
        results[topic] = topic in known
    assert 1 <= len(results) <= PLACEMENT_TOPICS


def test_placement_of_a_newcomer_is_short() -> None:
    results: dict[str, bool] = {}
    while (topic := placement_topic(ROADMAP, results)) is not None:
        results[topic] = False
    assert len(results) < PLACEMENT_TOPICS


def test_placement_asks_for_a_number_where_there_is_one() -> None:
    questions = placement_questions("self-attention")
    assert [q.kind for q in questions] == ["numeric", "choice"]


def test_topic_is_passed_by_right_answers_alone() -> None:
    questions = placement_questions("self-attention")
    right, wrong = (Grade("x", score, "correct", 1.0, "") for score in (1.0, 0.3))
    assert placement_results(questions, {0: right, 1: right}) == {"self-attention": True}
    assert placement_results(questions, {0: right, 1: wrong}) == {"self-attention": False}
    assert placement_results(questions, {}) == {}


def test_review_asks_about_the_most_urgent_topics_and_what_is_weak_in_them() -> None:
    due = ["self-attention", "math-for-ml", "gone", "ner"]
    objectives = {("self-attention", 0): 0.9, ("self-attention", 1): 0.2}
    asked = review_questions(due, 4, objectives=objectives)
    assert [q.topic for q in asked] == ["self-attention"] * 2 + ["math-for-ml"] * 2
    assert [q.objective for q in asked[:2]] == [1, 1]
    assert review_questions(due, 4, objectives=objectives) == asked
    assert [q.topic for q in review_questions(due, 3)][-1] == "math-for-ml"
    assert review_questions([], 4) == review_questions(["gone"], 4) == []


def test_review_prefers_what_was_not_asked_before() -> None:
    first = review_questions(["ner"], 2)
    seen = [f"{question.id.rsplit(':', 1)[0]}:7" for question in first]
    again = review_questions(["ner"], 2, seen=seen)
    assert len(again) == 2 and not {q.id for q in again} & {q.id for q in first}
    everything = [q.id for q in bank_questions(topic="ner")]
    assert len(review_questions(["ner"], 2, seen=everything)) == 2
