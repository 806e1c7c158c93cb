"""Questions from what people get wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.exercises.cloze import cloze_drafts
from tutor.exercises.generate import generate_questions
from tutor.exercises.misconception import (
    OpenDraft,
    choice_drafts,
    misconceptions,
    open_drafts,
    open_flaws,
)
from tutor.exercises.question import Question
from tutor.retrieve import Passage

PAIRS = [
    ("The key decides what information is passed on.",
     "The key influences how much is passed on; what is passed on is the value."),
    ("Queries are words of the question.",
     "A query is a learned projection of a token vector; it names a role. Nobody asks."),
    ("Values are numbers between zero and one.",
     "That holds for weights; a value is a vector of any size."),
]  # fmt: skip


def lesson(pairs: Sequence[tuple[str, str]] = PAIRS, kind: str = "lesson") -> Passage:
    text = "\n".join(f"- **Misconception.** {w} **Correction.** {r}" for w, r in pairs)
    text += "\n\n> **Superseded.** Once it was otherwise."
    return Passage(
        "lesson:query-key-value#1",
        kind,
        "lesson:query-key-value",  # type: ignore[arg-type]
        "The concept of Query, Key, and Value",
        "What people get wrong",
        None,
        text,
        1.0,
    )


def test_pairs_are_read_without_what_follows() -> None:
    found = [(entry.wrong, entry.right) for entry in misconceptions([lesson()])]
    assert found == PAIRS
    assert misconceptions([lesson(kind="paper")]) == []


def test_choice_sets_a_correction_against_the_misconceptions() -> None:
    drafts = [draft for _, draft in choice_drafts([lesson()], "query-key-value")]
    keys = {draft.key for draft in drafts}
    assert "The key influences how much is passed on." in keys
    # It speaks of "that", which only the misconception explains.
    assert not any("holds for weights" in key for key in keys)
    for draft in drafts:
        assert set(draft.distractors) == {wrong for wrong, _ in PAIRS}
        right = dict(PAIRS)
        assert draft.whys == tuple(right[wrong] for wrong in draft.distractors)


def test_too_few_misconceptions_make_no_choice() -> None:
    assert list(choice_drafts([lesson(PAIRS[:2])], "query-key-value")) == []


def test_open_question_quotes_the_mistake_and_asks_for_its_points() -> None:
    drafts = {draft.claim: draft for _, draft in open_drafts([lesson()])}
    draft = drafts[PAIRS[0][0]]
    assert PAIRS[0][0] in draft.prompt and draft.key == PAIRS[0][1]
    assert draft.rubric == (
        "The key influences how much is passed on.", "what is passed on is the value.")  # fmt: skip


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("It is not.", "too little"),
        ("word " * 100, "too much"),
        ("The two tables come from different test sets and settings.", "does not see"),
        ("It holds as arXiv:1706.03762 shows in all of its ablations.", "does not see"),
        ("The key decides what information is passed on by the key.", "gives the key away"),
    ],
)
def test_flaw_of_an_open_question_is_found(key: str, reason: str) -> None:
    claim = PAIRS[0][0]
    found = open_flaws(OpenDraft(claim, f"He says: “{claim}”", key, (key,), key))
    assert any(reason in flaw for flaw in found), found


def made(kind: str | None, seed: int = 0) -> list[Question]:
    return generate_questions(
        [lesson()], 10, topic="query-key-value", kind=kind, seed=seed
    ).questions  # type: ignore[arg-type]


def test_kind_is_kept_to() -> None:
    assert {q.kind for q in made("choice")} == {"choice"}
    assert {q.kind for q in made("text")} == {"text"}
    assert made("numeric") == []


@given(st.integers(0, 50))
def test_no_question_tells_what_another_asks(seed: int) -> None:
    questions = made(None, seed)
    shown = [set(q.options or ()) | {w for w, _ in PAIRS if w in q.prompt} for q in questions]
    for place, one in enumerate(shown):
        assert all(not one & other for other in shown[:place])


def test_what_was_answered_does_not_come_again() -> None:
    answered, *others = made("text")
    again = generate_questions(
        [lesson()], 10, topic="query-key-value", kind="text", seen=[answered]
    )
    assert {q.id for q in again.questions} == {q.id for q in others}
    assert again.dropped["seen before"] == 1


def test_id_stands_for_what_is_shown() -> None:
    by_id: dict[str, Question] = {}
    for seed in range(20):
        for question in made(None, seed):
            assert by_id.setdefault(question.id, question) == question


def test_cloze_leaves_out_names_that_lessons_define() -> None:
    text = "GPT is a decoder-only transformer that reads tokens from left to right."
    passage = Passage("k", "lesson", "lesson:gpt-architecture", "GPT", "In short", None, text, 1.0)
    assert list(cloze_drafts([passage], "gpt-architecture")) == []
