"""BibTeX out and in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.errors import InputError
from tutor.ingest.bibtex import bibtex, citation_key, parse_bibtex


def row(**changes: Any) -> dict[str, Any]:
    facts = {
        "doc_id": "arxiv:1706.03762", "arxiv_id": "1706.03762",
        "title": "Attention Is All You Need", "authors": ["Ashish Vaswani", "Łukasz Kaiser"],
        "year": 2017,
    }  # fmt: skip
    return {**facts, **changes}


def test_an_entry_reads_back_as_it_was() -> None:
    [entry] = parse_bibtex(bibtex([row()]))
    assert entry == {
        "key": "vaswani2017attention", "type": "misc", "title": "Attention Is All You Need",
        "authors": ["Ashish Vaswani", "Łukasz Kaiser"], "year": 2017, "arxiv_id": "1706.03762",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("authors", "year", "title", "key"),
    [
        (["Ashish Vaswani"], 2017, "Attention Is All You Need", "vaswani2017attention"),
        (["Müller, Jürgen"], 2020, "On the Use of X", "muller2020use"),
        (["Łukasz Łoś"], 2020, "A-B: c", "los2020ab"),
        ([], None, "The", "anonymous"),
    ],
)
def test_citation_keys(authors: list[str], year: int | None, title: str, key: str) -> None:
    assert citation_key(authors, year, title) == key


def test_keys_are_unique() -> None:
    other = row(arxiv_id=None, doc_id="file:0123456789ab")
    keys = [entry["key"] for entry in parse_bibtex(bibtex([row(), other]))]
    assert keys == ["vaswani2017attention", "vaswani2017attention-file-0123456789ab"]


def test_et_al_becomes_others() -> None:
    assert "Ashish Vaswani and others" in bibtex([row(authors=["Ashish Vaswani", "et al."])])


def test_no_papers_give_no_text() -> None:
    assert bibtex([]) == ""


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet="aB &%$#_{}~^\\\"'@,=", min_size=1, max_size=30))
def test_no_title_breaks_the_file(title: str) -> None:
    entries = parse_bibtex(bibtex([row(title="x" + title + "x"), row(title="Second")]))
    assert len(entries) == 2


@pytest.mark.parametrize("text", ["", "no entry here", "@misc{a, title = {unclosed"])
def test_unusable_bibtex_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        parse_bibtex(text)
