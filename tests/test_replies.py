"""Replies: what a learner reads, with nothing in it that a browser would act on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor import replies
from tutor.answer import Answer, Citation, Sentence
from tutor.exercises.question import Grade, Question
from tutor.exercises.quiz import QuizSession
from tutor.ingest.terms import Term
from tutor.learner.timetable import Pace, timetable, workload
from tutor.summarize import Point, summary_from_notes

EVIL = "<img src=x> [a](http://evil.example)"
CITED = Citation(1, "k", "paper", "arxiv:1", "A Title", "Method", 3, "quote", 0.5)


def an_answer(**fields: Any) -> Answer:
    given: dict[str, Any] = {
        "question": "Q", "answer": "whole", "mode": "model", "refused": False, "reason": None,
        "sentences": (Sentence("Held.", (1,), True), Sentence("Not held.", (), False)),
        "citations": (CITED,), "topics": (), "follow_ups": (), "model": "m", "timings_ms": {},
    }  # fmt: skip
    return Answer(**(given | fields))


def a_question(**fields: Any) -> Question:
    given: dict[str, Any] = {
        "id": "bank:x:0", "kind": "choice", "stage": 2, "topic": "self-attention", "difficulty": 2,
        "prompt": "Which?", "source": "bank", "options": ("one", "two"), "key": 1,
        "citation": {"title": "A Title", "section": "Method", "page": 3},
    }  # fmt: skip
    return Question(**(given | fields))


def a_grade(**fields: Any) -> Grade:
    return Grade(**({"id": "bank:x:0", "score": 1.0, "verdict": "correct", "confidence": 1.0,
                     "feedback": "Right."} | fields))  # fmt: skip


def harmless(text: str) -> bool:
    return "<img" not in text and "](" not in text and "http://" not in text


def test_answer_shows_markers_and_flags_what_is_not_supported() -> None:
    assert replies.answer_markdown(an_answer()) == "Held. [1] Not held. *(unsupported)*"


def test_quotes_are_labelled_as_such() -> None:
    assert replies.answer_markdown(an_answer(mode="passages")).startswith(
        "*Quoted from the sources:*"
    )


def test_refusal_is_shown_as_it_is() -> None:
    assert replies.answer_markdown(an_answer(refused=True, mode="passages")) == "whole"


def test_payload_is_the_answer_and_its_type() -> None:
    answer = an_answer()
    assert replies.answer_payload(answer) == {"type": "answer", **answer.to_dict()}


@pytest.mark.parametrize("form", ["object", "fields"])
def test_source_line_says_title_section_and_page(form: str) -> None:
    citation: Any = CITED if form == "object" else vars(CITED)
    assert replies.source_line(citation) == "A Title — Method, p. 3"


def test_source_line_without_page_or_section() -> None:
    assert replies.source_line(replace(CITED, page=None, section="")) == "A Title"
    assert harmless(replies.source_line(replace(CITED, title=EVIL)))


def test_summary_of_a_note_says_so_and_names_topics() -> None:
    paper = load_papers()["1706.03762"]
    text = replies.summary_markdown(summary_from_notes(paper))
    assert text.splitlines()[0].strip("# ") == "Attention Is All You Need"
    assert "et al. (2017)" in text
    assert "From our notes" in text and "**On the roadmap**" in text and "Read:" in text
    for heading in ("**Problem**", "**Method**", "**Results**", "**Limitations**"):
        assert heading in text


def test_summary_shows_pages_and_disarms_every_field() -> None:
    summary = replace(
        summary_from_notes(load_papers()["1706.03762"]),
        source="full_text", title=EVIL, authors=(EVIL,), tldr=EVIL,
        problem=(Point(EVIL, 4, EVIL),), terms=(Term(EVIL, EVIL),), topics=(), results=(),
    )  # fmt: skip
    text = replies.summary_markdown(summary)
    assert harmless(text) and "(p. 4)" in text and "**Results**" not in text


def test_question_shows_options_and_no_key() -> None:
    session = QuizSession([a_question(), a_question()])
    turn = replies.question_turn(session)
    assert turn.content.startswith("**Question 1 of 2** · ")
    assert "**A.** one" in turn.content and "**B.** two" in turn.content
    assert turn.payload["type"] == "question" and "key" not in turn.payload


@pytest.mark.parametrize(
    ("kind", "fields", "wanted"),
    [("numeric", {"unit": "GB"}, "Answer with a number in GB."),
     ("numeric", {}, "Answer with a number."), ("text", {}, "Answer in a sentence or two.")],
)  # fmt: skip
def test_question_says_how_to_answer(kind: str, fields: dict[str, Any], wanted: str) -> None:
    question = a_question(kind=kind, options=None, key=1.0, **fields)
    assert wanted in replies.question_markdown(question)


def test_grade_reveals_its_source_only_at_the_end() -> None:
    grade = a_grade(feedback=EVIL)
    shown = replies.grade_markdown(a_question(), grade)
    assert shown.startswith("**✓ Correct.**") and "*Source:* A Title" in shown and harmless(shown)
    assert "Source" not in replies.grade_markdown(a_question(), grade, reveal=False)


@pytest.mark.parametrize("verdict", ["correct", "partial", "incorrect", "unsure"])
def test_every_verdict_has_words(verdict: Any) -> None:
    assert replies.grade_markdown(a_question(), a_grade(verdict=verdict)).startswith("**")


def test_wrong_answer_may_be_tried_again() -> None:
    session = QuizSession([a_question()])
    grade = a_grade(verdict="incorrect", score=0.0)
    session.record(grade)
    turn = replies.grade_turn(a_question(), grade, session, moved=False)
    assert "Try once more" in turn.content and "finished" not in turn.payload


def test_next_question_follows_the_grade() -> None:
    session = QuizSession([a_question(), a_question(prompt="Second?")])
    session.record(a_grade())
    turn = replies.grade_turn(a_question(), a_grade(), session, moved=True)
    assert "Second?" in turn.content and turn.payload["next"]["prompt"] == "Second?"
    assert "key" not in turn.payload["next"]


def test_finished_quiz_shows_score_and_what_to_go_back_to() -> None:
    session = QuizSession([a_question(), a_question()])
    session.record(a_grade())
    for _ in range(2):
        session.record(a_grade(verdict="incorrect", score=0.0))
    turn = replies.grade_turn(a_question(), a_grade(), session, moved=True)
    assert "**Your score: 1.0 of 2.**" in turn.content and turn.payload["finished"] is True
    session.grades = {0: a_grade(score=0.2)}
    assert load_roadmap().topic("self-attention").title in replies.score_markdown(session)


def test_next_step_names_topic_and_objectives() -> None:
    topic = load_roadmap().topic("self-attention")
    text = replies.next_markdown({"topic": topic.id, "why": "Because."})
    assert topic.title in text and "Because." in text and f"- {topic.objectives[0]}" in text
    assert replies.next_markdown({"topic": None, "why": "All done."}) == "All done."


def test_progress_is_shown_by_stage() -> None:
    text = replies.progress_markdown({"mastery": {"self-attention": 0.5}, "due": [{}]})
    assert "50%" in text and "1 review due." in text and text.count("\n| ") == 7
    assert "No reviews due." in replies.progress_markdown({"mastery": {}, "due": []})


def test_plan_is_listed_whole_or_in_part() -> None:
    today = date(2026, 3, 2)
    minutes = workload(load_roadmap(), {})
    plan = timetable(load_roadmap(), {}, [], Pace(5, goal=2), today, minutes)
    whole, part = replies.plan_markdown(plan), replies.plan_markdown(plan, topics=3)
    assert whole.count("\n| ") == 1 + len(plan.entries) and part.count("\n| ") == 4
    assert "2 Mar 2026" in part and f"Then {len(plan.entries) - 3} more: stage 1 by" in part
    assert replies.day(plan.ends or today) in replies.plan_line(plan, None)
    first = plan.entries[0]
    assert f"this by {replies.day(first.ends)}, all" in replies.plan_line(plan, first.topic)
    known = {topic.id: 0.97 for topic in load_roadmap().topics()}
    done = timetable(load_roadmap(), known, [], Pace(5), today, minutes)
    assert "nothing is left" in replies.plan_markdown(done)
    assert replies.plan_line(done, None) == replies.plan_line(None, None) == ""


def test_papers_are_listed_by_place_and_disarmed() -> None:
    row = {"id": "2401.00001", "title": EVIL, "year": 2024}
    text = replies.papers_markdown(
        "q", {"library": [row], "arxiv": [row], "note": "arXiv is away."}
    )
    assert "**In the library**" in text and "**On arXiv**" in text and "*arXiv is away.*" in text
    assert harmless(text)
    assert "no paper" in replies.papers_markdown("q", {"library": [], "arxiv": [], "note": ""})


@pytest.mark.parametrize(
    ("text", "wanted"), [("thanks!", "welcome"), ("bye", "Goodbye"), ("hi", "I'm Tutor")]
)
def test_smalltalk_leads_back(text: str, wanted: str) -> None:
    assert wanted in replies.smalltalk_markdown(text, "")


def test_greeting_says_whether_a_model_runs() -> None:
    assert "fake-model" in replies.smalltalk_markdown("hi", "fake-model")
    assert "No language model" in replies.smalltalk_markdown("hi", "")
