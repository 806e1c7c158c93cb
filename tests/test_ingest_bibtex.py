"""BibTeX out and in."""

from __future__ import annotations

from pathlib import Path
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
        "doi": None,
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


@pytest.mark.parametrize(
    "fields",
    [
        "journal={arXiv preprint arXiv:1706.03762}", "url={https://arxiv.org/abs/1706.03762v5}",
        "eprint={1706.03762}", "doi={10.48550/arXiv.1706.03762}", "volume={abs/1706.03762}, "
        "journal={CoRR}, url={http://arxiv.org/abs/1706.03762}", "note={arXiv:1706.03762}",
    ],
)  # fmt: skip
def test_arxiv_id_is_found_in_whatever_field_names_it(fields: str) -> None:
    [entry] = parse_bibtex(f"@article{{a, title={{Attention}}, {fields}}}")
    assert entry["arxiv_id"] == "1706.03762"


def test_doi_goes_out_and_comes_in() -> None:
    [entry] = parse_bibtex(bibtex([row(arxiv_id=None, doi="10.1162/neco.1997.9_8")]))
    assert entry["doi"] == "10.1162/neco.1997.9_8"


def test_entry_with_a_key_that_was_there_already_is_left_out() -> None:
    [entry] = parse_bibtex("@misc{a, title={One}}\n@misc{a, title={Two}}")
    assert entry["title"] == "One"


def test_real_bibtex_files_are_read(shared: Path) -> None:
    files = [p for p in (shared / "data" / "bibtex").rglob("*.bib") if p.stat().st_size < 20_000]
    entries = [entry for path in files for entry in parse_bibtex(path.read_text("utf-8"))]
    assert len(entries) > 15 and all(entry["title"] for entry in entries)
