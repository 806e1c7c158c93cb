"""Questions, the bank, quizzes, hints and exports."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.papers import load_papers
from tutor.errors import InputError, NotFoundError
from tutor.exercises.bank import bank_question, bank_questions, item_ids
from tutor.exercises.export import export_study
from tutor.exercises.grade import grade
from tutor.exercises.hints import hint_ladder
from tutor.exercises.leaks import gives_away
from tutor.exercises.parametric import family_ids, parametric_question
from tutor.exercises.question import Question, questions_by_id
from tutor.exercises.quiz import QuizSession, assemble

QUESTION_FIELDS = {
    "id", "kind", "stage", "topic", "difficulty", "prompt", "options", "unit", "source", "citation"
}  # fmt: skip
CITATION_FIELDS = {
    "n", "key", "kind", "doc_id", "title", "section", "page", "quote", "score"
}  # fmt: skip


def test_every_item_becomes_a_question_with_a_citation() -> None:
    for question in bank_questions():
        assert question.citation is not None, question.id
        assert set(question.citation) == CITATION_FIELDS
        if question.citation["kind"] == "lesson":
            assert question.citation["quote"], question.id
        assert QUESTION_FIELDS == set(question.to_dict())
        assert {"key", "explanation", "rubric"} <= set(question.to_dict(with_key=True))
        json.dumps(question.to_dict(with_key=True))


def test_numeric_items_accept_their_keys_and_know_their_mistakes() -> None:
    for question in bank_questions(kind="numeric"):
        unit = question.unit or ""
        for text in (repr(question.key), f"The answer is {question.key} {unit}."):
            assert grade(question, text).verdict == "correct", (question.id, text)
        for mistake in question.mistakes:
            text = f"{mistake.value!r} {unit}"
            assert grade(question, text).verdict == "partial", (question.id, text)


def test_key_never_shows_without_being_asked_for() -> None:
    shown = bank_questions(kind="text")[0].to_dict()
    assert not {"key", "explanation", "rubric", "option_whys", "tolerance"} & set(shown)


def test_seed_shuffles_options_and_the_key_follows() -> None:
    name = next(q.id.split(":")[1] for q in bank_questions(kind="choice"))
    seeds = [bank_question(name, seed) for seed in range(30)]
    assert len({q.options for q in seeds}) > 5
    assert len({q.options[q.key] for q in seeds if q.options}) == 1  # type: ignore[index]
    assert all(not q.option_whys[q.key] for q in seeds)  # type: ignore[index]


def test_key_takes_every_place_over_the_bank() -> None:
    places = Counter(q.key for q in bank_questions(kind="choice"))
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 0.35 * sum(places.values())


def test_ids_rebuild_the_question() -> None:
    for question in bank_questions(seed=7)[::25]:
        assert questions_by_id(question.id) == question


@pytest.mark.parametrize(
    "name", ["", "bank", "bank:", "bank:nothing:0", "param:nothing:1", "gen:123", "x:y:z",
             "bank:math-for-ml-c01:-1", "bank:math-for-ml-c01:one", "param:f1-score:" + "9" * 40],
)  # fmt: skip
def test_unknown_ids(name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        questions_by_id(name)
    assert caught.value.cure


def test_nearest_id_is_suggested() -> None:
    name = item_ids()[0]
    with pytest.raises(NotFoundError, match=f"bank:{name}:0"):
        questions_by_id(f"bank:{name[:-1]}:0")


def test_record_round_trip() -> None:
    for question in [*bank_questions()[::40], parametric_question("f1-score", 3)]:
        assert Question.from_record(json.loads(json.dumps(question.to_record()))) == question


@pytest.mark.parametrize(
    "change", [{"kind": "essay"}, {"key": 9}, {"options": 3}, {"mistakes": [1]}]
)
def test_broken_records_are_refused(change: dict[str, object]) -> None:
    record = bank_questions(kind="choice")[0].to_record()
    with pytest.raises(InputError):
        Question.from_record({**record, **change})


def test_filters() -> None:
    assert {q.stage for q in bank_questions(stage=2)} == {2}
    assert {q.topic for q in bank_questions(topic="bow-tfidf")} == {"bow-tfidf"}
    assert {q.kind for q in bank_questions(kind="numeric")} == {"numeric"}
    paper = next(iter(load_papers().values()))
    topics = set(paper.topics)
    for question in bank_questions(paper=paper.id):
        assert question.topic in topics or paper.id in question.citation["key"]  # type: ignore[index]


@pytest.mark.parametrize(
    "filters", [{"stage": 9}, {"topic": "bow-tfid"}, {"paper": "0000.00000"}, {"kind": "essay"}]
)
def test_filters_that_name_nothing(filters: dict[str, object]) -> None:
    with pytest.raises(NotFoundError):
        bank_questions(**filters)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        assemble(3, **filters)  # type: ignore[arg-type]


def test_quiz_is_reproducible_and_balanced() -> None:
    quiz = assemble(12, stage=1, seed=4)
    assert quiz == assemble(12, stage=1, seed=4)
    assert quiz != assemble(12, stage=1, seed=5)
    assert len({q.id for q in quiz}) == 12
    assert max(Counter(q.topic for q in quiz).values()) <= 4
    assert len({q.kind for q in quiz}) == 3
    assert {q.source for q in quiz} == {"bank", "parametric"}


def test_quiz_sources_and_kinds() -> None:
    assert {q.source for q in assemble(5, stage=3, source="parametric")} == {"parametric"}
    assert {q.source for q in assemble(5, stage=3, source="bank")} == {"bank"}
    assert {q.kind for q in assemble(5, stage=4, kind="numeric")} == {"numeric"}
    made = bank_questions(stage=3)[:2]
    asked: list[int] = []
    quiz = assemble(4, topic="bow-tfidf", source="generated",
                    generate=lambda n: asked.append(n) or made)  # fmt: skip
    assert quiz == made and asked == [4]


def test_quiz_out_of_range() -> None:
    for n in (0, -1, 51):
        with pytest.raises(InputError):
            assemble(n)
    with pytest.raises(InputError):
        assemble(3, source="generated")
    with pytest.raises(InputError):
        assemble(3, source="web")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        assemble(3, stage=7, kind="text", source="parametric")


def test_quiz_session_goes_on_when_right_or_out_of_tries() -> None:
    session = QuizSession(assemble(3, stage=1, kind="choice", seed=1))
    first = session.current
    assert first is not None and first.options and isinstance(first.key, int)
    session.record(grade(first, "who knows"))
    assert session.current == first and session.tries == 0  # unreadable: costs no try
    session.record(grade(first, (first.key + 1) % 4))
    assert session.current == first and session.last_try
    session.record(grade(first, (first.key + 2) % 4))
    second = session.current
    assert second != first and second is not None
    session.record(grade(second, second.key))  # type: ignore[arg-type]
    assert session.current not in (first, second)
    session.skip()
    assert session.current is None and session.score == 0.5
    with pytest.raises(InputError):
        session.record(grade(first, 0))
    assert first.topic in session.weak_topics() or first.topic == second.topic


def test_quiz_session_survives_json() -> None:
    session = QuizSession(assemble(4, stage=2, seed=2))
    assert session.current
    session.record(grade(session.current, "17"))
    state = json.loads(json.dumps(session.to_state()))
    assert QuizSession.from_state(state) == session
    for broken in (
        {},
        {**state, "position": 99},
        {**state, "questions": [1]},
        {**state, "grades": 1},
    ):
        with pytest.raises(InputError):
            QuizSession.from_state(broken)


def test_hints_of_the_bank_never_give_the_key_away() -> None:
    for question in bank_questions()[::2]:
        hints = hint_ladder(question)
        assert len(set(hints)) == 3, question.id
        for hint in hints:
            assert hint and not gives_away(hint, question), question.id


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(family_ids()), st.integers(0, 10**6))
def test_hints_of_parametric_questions_never_give_the_key_away(name: str, seed: int) -> None:
    question = parametric_question(name, seed)
    for hint in hint_ladder(question):
        assert not gives_away(hint, question)
        if question.options and isinstance(question.key, int):
            assert question.options[question.key] not in hint


def test_leak_check_sees_keys() -> None:
    number = parametric_question("f1-score", 1)
    assert gives_away(f"It is {number.key:.4f}.", number)
    text = bank_questions(kind="text")[0]
    assert gives_away(text.rubric[0], text)
    choice = bank_questions(kind="choice")[0]
    assert gives_away(f"Take {choice.options[choice.key]}.", choice)  # type: ignore[index]


def test_export_json_and_markdown(tmp_path: Path) -> None:
    target = tmp_path / "stage1.json"
    counts = export_study("json", target, stage=1)
    data = json.loads(target.read_text("utf-8"))
    assert counts == {"lessons": len(data["lessons"]), "questions": len(data["questions"])}
    assert {q["stage"] for q in data["questions"]} == {1}
    export_study("markdown", tmp_path / "s.md", stage=1)
    assert "**Answer:**" in (tmp_path / "s.md").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.md", "stage1.json"]


def test_anki_cards_name_their_source(tmp_path: Path) -> None:
    import sqlite3

    target = tmp_path / "deck.apkg"
    counts = export_study("anki", target, stage=3)
    with zipfile.ZipFile(target) as package:
        assert package.testzip() is None
        package.extract("collection.anki2", tmp_path)
    collection = sqlite3.connect(tmp_path / "collection.anki2")
    assert collection.execute("pragma integrity_check").fetchone() == ("ok",)
    notes = collection.execute("select guid, flds from notes").fetchall()
    cards = collection.execute("select count(*) from cards").fetchone()[0]
    assert len(notes) == cards == counts["lessons"] + counts["questions"]
    assert len({guid for guid, _ in notes}) == len(notes)
    backs = [fields.split("\x1f")[1] for _, fields in notes]
    assert all("Source: " in back for back in backs)
    linked = re.findall(r'<a href="(https://arxiv\.org/abs/[^"]*)">', " ".join(backs))
    assert linked and all(link.rsplit("/", 1)[1] in load_papers() for link in linked)


def test_export_anki_is_a_package_with_escaped_fields(tmp_path: Path) -> None:
    import sqlite3

    target = tmp_path / "deck.apkg"
    counts = export_study("anki", target, stage=3)
    with zipfile.ZipFile(target) as package:
        package.extract("collection.anki2", tmp_path)
    notes = (
        sqlite3.connect(tmp_path / "collection.anki2").execute("select flds from notes").fetchall()
    )
    assert len(notes) == counts["lessons"] + counts["questions"]


def test_export_failures_leave_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(InputError, match="disk full"):
        export_study("json", target, stage=1)
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(InputError):
        export_study("json", tmp_path / "no" / "such" / "folder.json")
    with pytest.raises(InputError):
        export_study("pdf", target)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        export_study("json", target, stage=8)
