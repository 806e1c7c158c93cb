"""Characters and hyphens put right; what may be quoted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.ingest.cleaning import Hyphens, clean_characters, drop_footnote_marks
from tutor.ingest.quotes import is_prose, quote_on_page, without_citations


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("e\ufb03cient \ufb02ow", "efficient flow"),
        ("a\x00b\x07c\u200bd", "abcd"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("\U0001d465 = \U0001d7cf", "x = 1"),
        ("a\u00a0\u2009b", "a b"),
        ("Garc´ıa and Andr´eas", "Garc´ıa and Andréas"),
        ("\ud835\udc65", "x"),
    ],
)
def test_clean_characters(raw: str, clean: str) -> None:
    assert clean_characters(raw) == clean


@pytest.mark.parametrize(
    ("document", "broken", "mended"),
    [
        ("", "atten-\ntion", "attention"),
        ("self-attention is all", "self-\nattention", "self-attention"),
        ("pretraining pre-training pre-training", "pre\x02training", "pre-training"),
        ("", "GPT-\n3 and non\x02linear", "GPT-3 and non-linear"),
        ("network frame work frame work framework", "frame\x02work", "framework"),
        ("source code source target target", "source\x02target", "source-target"),
        ("", "English\x02to-German", "English-to-German"),
        ("", "a - b", "a - b"),
    ],
)
def test_hyphens_follow_the_document(document: str, broken: str, mended: str) -> None:
    assert Hyphens([document, broken]).mend(broken) == mended


def test_footnote_marks_go_but_numbers_stay() -> None:
    assert drop_footnote_marks("in the library.1 Because it") == "in the library. Because it"
    assert drop_footnote_marks("see Fig.1 The v2.1 Model") == "see Fig.1 The v2.1 Model"


@pytest.mark.parametrize(
    "sentence",
    [
        "Our model achieves 28.4 BLEU on the WMT 2014 English-to-German translation task.",
        "It was shown by Vaswani et al. (2017) that attention alone is enough for this.",
    ],
)
def test_sentences_are_prose(sentence: str) -> None:
    assert is_prose(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "Too short.",
        "and it begins in the middle of a sentence that was cut by a figure.",
        "It has no end and so it can not be quoted as a sentence of the paper",
        "Transformer (big) 28.4 41.8 2.3 10 Transformer (base) 27.3 38.1 3.3 10 MoE 26.03.",
        "Attention(Q, K, V) = softmax(QK / d) V where the heads are concatenated again here.",
        "Figure 3: The architecture of the model is shown with all of its many layers.",
        "4We note that in the literature this is often called a Transformer encoder.",
    ],
)
def test_soup_is_no_prose(text: str) -> None:
    assert not is_prose(text)


def test_quotes_are_found_despite_spaces_hyphens_and_case() -> None:
    page = "We use self-\nattention,  which “works”."
    assert quote_on_page('we use self-attention, which "works".', page)
    assert not quote_on_page("we use cross-attention", page)
    assert not quote_on_page(" ", page)


def test_citations_are_taken_out() -> None:
    text = "It works [12, 3] (Devlin et al., 2018; Radford et al., 2019), we say (in short)."
    assert without_citations(text) == "It works, we say (in short)."


@settings(deadline=None)
@given(st.text(alphabet="aB .,-’\n1", max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_part_of_a_page_is_on_the_page(quote: str, before: str, after: str) -> None:
    assert quote_on_page(quote, f"{before} {quote} {after}") == bool(quote.strip(" \n-"))
