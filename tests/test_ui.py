"""What the page makes of answers and lessons, without a browser."""

from __future__ import annotations

from typing import Any

import pytest

from corpus.roadmap import load_roadmap
from tutor.errors import ConfigError
from tutor.events import Turn
from tutor.learner.archive import Context
from tutor.settings import Settings
from tutor.ui.page import serve_page
from tutor.ui.render import answer_html, demoted
from tutor.ui.thumbs import rated_turn


def answer(*sentences: dict[str, Any], quote: str = "Attention weighs tokens.") -> dict[str, Any]:
    citation = {"n": 1, "title": "Attention", "section": "Idea", "page": 3, "quote": quote}
    return {"id": "a1", "sentences": list(sentences), "citations": [citation], "reason": None,
            "refused": False}  # fmt: skip


def sentence(text: str, *citations: int) -> dict[str, Any]:
    return {"text": text, "citations": list(citations), "supported": bool(citations)}


def test_marker_points_to_its_folded_source() -> None:
    html = answer_html(answer(sentence("It weighs tokens.", 1)))
    assert 'href="#src-a1-1"' in html and '<details class="source" id="src-a1-1">' in html
    assert "p. 3" in html and "unsupported" not in html


def test_unsupported_sentence_is_flagged_and_the_next_is_not() -> None:
    html = answer_html(answer(sentence("It was invented in 1850."), sentence("It weighs.", 1)))
    assert html.count('class="flag"') == 1
    assert '<span class="unsupported">It was invented in 1850.</span>' in html


def test_quote_with_markup_stays_text() -> None:
    quote = "<img src=http://evil.example/x.png> ![x](http://evil.example/y.png) [a](javascript:b)"
    html = answer_html(answer(sentence("It weighs tokens.", 1), quote=quote))
    assert "<img" not in html and "javascript:" not in html and "http:" not in html


def test_rating_is_about_the_reply_and_its_question() -> None:
    turns = [
        Turn("user", "What is attention?", {"type": "text"}),
        Turn("assistant", "It weighs [1].", {"type": "answer", "id": "a1", "citations": [
            {"key": "lesson:x#1"}, {"key": "arxiv:1#2"}]}),
        Turn("user", "hi", {"type": "text"}),
        Turn("assistant", "Hello!", {"type": "text"}),
    ]  # fmt: skip
    target, context = rated_turn(turns, 1, "s1") or ("", Context())
    assert (target, context.prompt) == ("answer:a1", "What is attention?")
    assert context.passages == ("lesson:x#1", "arxiv:1#2") and context.reply == "It weighs [1]."
    assert (rated_turn(turns, 3, "s1") or ("",))[0] == "turn:s1:3"
    assert rated_turn(turns, 0, "s1") is None and rated_turn(turns, 9, "s1") is None


def test_progress_page_says_in_words_what_its_bars_show() -> None:
    from tutor.learner.plan import progress_rows
    from tutor.ui.progress import STATUS, map_html

    rows = progress_rows(load_roadmap(), {"math-for-ml": 0.97, "self-attention": 0.1})
    html = map_html(rows)
    assert html.count("<tr><th scope='row'>") == 57
    assert "97% ✓ mastered" in html and "10% ! needs work" in html
    assert {row["status"] for row in rows} <= set(STATUS)
    assert "presumed" not in html.replace("presumed known", "")


def test_progress_page_shows_objectives_and_what_stands_behind_a_failure() -> None:
    from datetime import UTC, datetime

    from tutor.learner.plan import next_step, progress_rows
    from tutor.ui.progress import map_html, step_markdown

    roadmap, mastery = load_roadmap(), {"rlhf": 0.1, "math-for-ml": 0.12}
    objectives = {("math-for-ml", 2): 0.08, ("math-for-ml", 0): 0.7}
    html = map_html(progress_rows(roadmap, mastery), objectives)
    below = roadmap.topic("math-for-ml").objectives
    assert "<li>70%: " in html and "<li>8%: " in html and html.count("<li>") == 2
    assert below[1].replace("&", "&amp;") not in html
    step = next_step(roadmap, mastery, [], datetime.now(UTC), objectives)
    text = step_markdown(step)
    assert "went wrong, and it builds on" in text and below[2] in text


def test_progress_page_of_a_newcomer() -> None:
    from datetime import UTC, datetime

    from tutor.learner.plan import progress_rows
    from tutor.ui.progress import (
        due_markdown,
        gains_markdown,
        summary_markdown,
        sureness_markdown,
    )

    text = summary_markdown(progress_rows(load_roadmap(), {}), [], datetime.now(UTC))
    assert "0 of 57" in text and "row" not in text
    assert "None today" in due_markdown([])
    assert "how sure" in sureness_markdown([]) and "before and after" in gains_markdown([])


def test_test_of_a_stage_asks_once_and_says_at_its_end_how_it_went() -> None:
    from tutor.exercises.blueprint import Gain
    from tutor.exercises.question import Grade
    from tutor.ui.quiz import begin_test, outcome_markdown

    session = begin_test("post", 3, "ann")
    assert session.form == "post:3" and session.last_try
    assert begin_test("post", 3, "ann").questions == session.questions
    wrong = Grade("x", 0.0, "incorrect", 1.0, "No.")
    for _ in range(len(session.questions)):
        session.record(wrong)
    assert session.current is None
    again = type(session).from_state(session.to_state())
    assert again == session
    text = outcome_markdown(session, [Gain(3, 0.25, 0.5)])
    assert "25%" in text and "50%" in text and "33% of what there was" in text


def test_placement_skips_what_a_passed_topic_builds_on() -> None:
    from tutor.ui.quiz import begin_test, placement_markdown

    session = begin_test("placement", 1, "ann")
    assert len(session.questions) == 2 and len({q.topic for q in session.questions}) == 1
    text = placement_markdown({"self-attention": True, "rlhf": False})
    assert "Self-Attention Mechanism" in text and "is skipped" in text and "Still to learn" in text


def test_headings_go_down_one_level_outside_code() -> None:
    text = "# A\n\n## B\n\n```python\n# comment\n```\n\n# C"
    assert demoted(text) == "## A\n\n### B\n\n```python\n# comment\n```\n\n## C"


@pytest.mark.parametrize("password", [None, ""])
def test_open_to_others_without_a_password_is_refused(
    settings: Settings, password: str | None
) -> None:
    from tutor.app import Tutor

    open_to_all = Settings(home=settings.home, host="0.0.0.0", password=password)
    with pytest.raises(ConfigError, match="TUTOR_PASSWORD"):
        serve_page(Tutor(open_to_all, use_model=False), open_browser=False)
