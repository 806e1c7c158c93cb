"""What the page makes of answers and lessons, without a browser."""

from __future__ import annotations

from typing import Any

import pytest

from tutor.errors import ConfigError
from tutor.settings import Settings
from tutor.ui.page import serve_page
from tutor.ui.render import answer_html, demoted


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
