"""Papers: what was added, what is known by a note, and what arXiv has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tiny_corpus import tiny_retriever

from corpus.papers import load_papers
from tutor.errors import InputError, NetworkError, NotFoundError
from tutor.index import IndexedDocument
from tutor.ingest.arxiv import ArxivPaper
from tutor.ingest.bibtex import parse_bibtex
from tutor.library import Ingested
from tutor.papers import add_paper, export_bibtex, find_papers, latest_papers, list_papers

ROW_FIELDS = {"doc_id", "arxiv_id", "title", "authors", "year", "pages", "chunks", "source"}
NOW = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)


def a_row(doc_id: str, **fields: Any) -> IndexedDocument:
    given: dict[str, Any] = {
        "kind": "paper", "title": "Foxes", "authors": ("Jane Doe",), "year": 2020, "arxiv_id": None,
        "sha256": "", "pages": 3, "sections": 4, "chunks": 5, "source": "fox.pdf",
    }  # fmt: skip
    return IndexedDocument(doc_id=doc_id, **(given | fields))


class FakeLibrary:
    def __init__(self, *rows: IndexedDocument) -> None:
        self.rows = list(rows)
        self.given: list[Path] = []

    def documents(self) -> list[IndexedDocument]:
        return self.rows

    def ingest(self, paths: list[Path], **_: Any) -> list[Ingested]:
        self.given += paths
        return [Ingested(str(paths[0]), "arxiv:2401.00001", 1, 1, 1, "added", None)]


class FakeArxiv:
    def __init__(self, *ids: str, error: Exception | None = None) -> None:
        self.ids, self.error = ids, error
        self.asked: list[Any] = []

    def _papers(self, *asked: Any) -> list[ArxivPaper]:
        self.asked.append(asked)
        if self.error:
            raise self.error
        return [
            ArxivPaper(n, 1, f"Paper {n}", ("A", "B"), "", NOW, NOW, ("cs.CL",), None, None)
            for n in self.ids
        ]

    def search(self, query: str, max_results: int = 5) -> list[ArxivPaper]:
        return self._papers(query, max_results)

    def latest(self, fields: Any, days: int) -> list[ArxivPaper]:
        return self._papers(fields, days)

    def fetch_pdf(self, name: str) -> Path:
        self._papers(name)
        return Path(f"{name}.pdf")


def test_added_paper_takes_the_place_of_its_note() -> None:
    rows = list_papers(FakeLibrary(a_row("arxiv:1706.03762"), a_row("file:abc")))
    assert all(set(row) == ROW_FIELDS for row in rows)
    by_id = {row["doc_id"]: row for row in rows}
    assert by_id["arxiv:1706.03762"]["source"] == "full_text"
    assert by_id["file:abc"]["pages"] == 3
    assert by_id["arxiv:1810.04805"]["source"] == "notes"
    assert by_id["arxiv:1810.04805"]["pages"] is None
    assert len(rows) == len(load_papers()) + 1, "a paper is listed twice, or a note is missing"


def test_subject_is_looked_up_here_and_on_arxiv() -> None:
    arxiv = FakeArxiv("1706.03762", "2401.00001")
    found = find_papers(tiny_retriever(), arxiv, "attention heads in parallel")
    assert found["library"][0] == {
        "id": "1706.03762", "title": "Attention Is All You Need", "year": 2017,
    }  # fmt: skip
    assert [row["id"] for row in found["arxiv"]] == ["2401.00001"], "a known paper is listed twice"
    assert found["note"] == ""


def test_unreachable_arxiv_leaves_the_library_and_a_note() -> None:
    arxiv = FakeArxiv(error=NetworkError("arXiv is away.", "Try later."))
    found = find_papers(tiny_retriever(), arxiv, "attention heads")
    assert found["library"] and found["arxiv"] == []
    assert found["note"] == "arXiv is away. Try later."


@pytest.mark.parametrize(
    "name", ["2401.00001", "arXiv:2401.00001v2", "https://arxiv.org/abs/2401.00001"]
)
def test_paper_is_added_by_any_form_of_its_id(name: str) -> None:
    library, steps = FakeLibrary(), []
    result = add_paper(library, FakeArxiv(), name, lambda text, _: steps.append(text))
    assert result.status == "added" and library.given == [Path("2401.00001.pdf")]
    assert steps[0] == "Fetching arXiv:2401.00001"


@pytest.mark.parametrize("name", ["", "attention", "9999", "../../etc/passwd"])
def test_name_without_an_id_is_refused_before_anything_is_fetched(name: str) -> None:
    arxiv = FakeArxiv()
    with pytest.raises(InputError, match="no arXiv id"):
        add_paper(FakeLibrary(), arxiv, name)
    assert arxiv.asked == []


def test_latest_papers_are_of_the_fields_of_language_models() -> None:
    arxiv = FakeArxiv("2401.00001")
    assert latest_papers(arxiv, 7) == [
        {"id": "2401.00001", "title": "Paper 2401.00001", "authors": ["A", "B"],
         "published": "2024-01-02"},
    ]  # fmt: skip
    assert arxiv.asked == [(("cs.CL", "cs.LG"), 7)]


def test_bibtex_of_all_papers_can_be_read_back() -> None:
    entries = parse_bibtex(export_bibtex(FakeLibrary(a_row("file:abc")), []))
    assert len(entries) == len(load_papers()) + 1
    assert {e["arxiv_id"] for e in entries} >= set(load_papers())


@pytest.mark.parametrize("name", ["1706.03762", "arxiv:1706.03762", "1706.03762v5"])
def test_bibtex_of_one_paper(name: str) -> None:
    [entry] = parse_bibtex(export_bibtex(FakeLibrary(), [name]))
    assert entry["title"] == "Attention Is All You Need" and entry["year"] == 2017


def test_bibtex_of_an_unknown_paper_names_it() -> None:
    with pytest.raises(NotFoundError, match="2401.99999"):
        export_bibtex(FakeLibrary(), ["1706.03762", "2401.99999"])
