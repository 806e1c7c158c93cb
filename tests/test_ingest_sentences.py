"""Sentence boundaries."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.ingest.sentences import sentence_spans, split_sentences


@pytest.mark.parametrize(
    "sentence",
    [
        "We follow Vaswani et al. (2017) in this.",
        "As Fig. 3 shows, it works.",
        "Use e.g. Adam, cf. Sec. 4.2 and Eq. (3).",
        "It gains 2.5 BLEU over v1.2 of J. Smith's model.",
        "Proposed by B. Zoph et al. [12], it was new.",
        "The U.S. Army used approx. 3 models.",
        "This holds w.r.t. Theorem 2.",
    ],
)
def test_abbreviations_do_not_split(sentence: str) -> None:
    assert split_sentences(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It scores 28.4 BLEU [12]. We stop.", 2),
        ("We go on.[12, 13] The end came.", 2),
        ("Is it so? Yes! It is.", 3),
        ("This was shown by Luong et al. We use it.", 2),
        ("He said “no.” She left.", 2),
        ("The answer is no. We agree.", 2),
        ("See Appendix A. The rest follows.", 2),
    ],
)
def test_ends_are_found(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


def test_code_math_and_tables_stay_whole() -> None:
    code = "```python\nx = 1. \nY. Z\n```"
    table = "| a. B | c |\n|---|---|\n| 1 | 2 |"
    math = "$$\na = b. C = d\n$$"
    assert split_sentences(f"First. Then.\n\n{code}\n\n{table}\n\n{math}\nLast.") == [
        "First.", "Then.", code, table, math, "Last.",
    ]  # fmt: skip


def test_list_items_and_paragraphs_end_sentences() -> None:
    assert split_sentences("We do:\n- one thing\n- another\n\nNew paragraph") == [
        "We do:", "- one thing", "- another", "New paragraph",
    ]  # fmt: skip


def test_unclosed_fence_does_not_lose_text() -> None:
    assert split_sentences("A b.\n```\ncode. More") == ["A b.", "```\ncode. More"]


@settings(deadline=None)
@given(st.text(alphabet='ab. \nA1[]?!`|-)$"', max_size=200))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    spans = sentence_spans(text)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(a < b for a, b in spans)
    assert all(first[1] <= second[0] for first, second in zip(spans, spans[1:], strict=False))
