"""Papers: what was added, what is known by a note, and what arXiv has."""

from __future__ import annotations

from dataclasses import replace
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
from tutor.library.listings import Listing
from tutor.library.papers import (
    add_paper,
    add_papers,
    export_bibtex,
    find_papers,
    latest_papers,
    list_papers,
    refresh_papers,
)

ROW_FIELDS = {
    "doc_id", "arxiv_id", "title", "authors", "year", "pages", "chunks", "source", "doi",
    "version", "latest_version", "withdrawn", "updated", "journal", "checked", "news",
}  # fmt: skip
NOW = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)


def a_row(doc_id: str, **fields: Any) -> IndexedDocument:
    given: dict[str, Any] = {
        "kind": "paper", "title": "Foxes", "authors": ("Jane Doe",), "year": 2020, "arxiv_id": None,
        "sha256": "", "pages": 3, "sections": 4, "chunks": 5, "source": "fox.pdf",
    }  # fmt: skip
    return IndexedDocument(doc_id=doc_id, **(given | fields))


class FakeListings:
    def __init__(self) -> None:
        self.known: dict[str, Listing] = {}

    def load(self) -> dict[str, Listing]:
        return self.known

    def save(self, papers: list[ArxivPaper]) -> None:
        self.known |= {paper.arxiv_id: Listing(paper, NOW) for paper in papers}


class FakeLibrary:
    def __init__(self, *rows: IndexedDocument) -> None:
        self.rows = list(rows)
        self.given: list[Path] = []
        self.listings = FakeListings()

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

    def latest(self, *asked: Any) -> list[ArxivPaper]:
        return self._papers(*asked)

    def get(self, ids: list[str]) -> list[ArxivPaper]:
        return self._papers(*ids)

    def find_title(self, title: str) -> list[ArxivPaper]:
        return self._papers(title)

    def find_doi(self, doi: str) -> ArxivPaper | None:
        return next(iter(self._papers(doi)), None)

    def fetch_pdf(self, name: str) -> Path:
        self.asked.append((name,))
        if self.error:
            raise self.error
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
    ("name", "fetched"),
    [
        ("2401.00001", "2401.00001"), ("arXiv:2401.00001v2", "2401.00001v2"),
        ("https://arxiv.org/abs/2401.00001", "2401.00001"),
        ("https://doi.org/10.48550/arXiv.2401.00001", "2401.00001"),
        ("attention is ALL you need", "1706.03762"), ("10.1000/fox", "2401.00001"),
    ],
)  # fmt: skip
def test_paper_is_added_by_id_address_doi_or_title(name: str, fetched: str) -> None:
    library, steps = FakeLibrary(), []
    result = add_paper(library, FakeArxiv("2401.00001"), name, lambda text, _: steps.append(text))
    assert result.status == "added" and library.given == [Path(f"{fetched}.pdf")]
    assert steps[0] == f"Fetching arXiv:{fetched}"


def test_title_that_arxiv_does_not_have_names_the_nearest() -> None:
    library = FakeLibrary()
    with pytest.raises(NotFoundError, match="no paper called.*2401.00001 “Paper 2401.00001”"):
        add_paper(library, FakeArxiv("2401.00001"), "A paper of another title")
    assert library.given == []


def test_doi_that_arxiv_does_not_list_says_what_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="10.1000/fox.*title"):
        add_paper(FakeLibrary(), FakeArxiv(), "10.1000/fox")


@pytest.mark.parametrize("name", ["", "attention", "9999", "../../etc/passwd"])
def test_name_without_an_id_is_refused_before_anything_is_fetched(name: str) -> None:
    arxiv = FakeArxiv()
    with pytest.raises(InputError, match="no arXiv id"):
        add_paper(FakeLibrary(), arxiv, name)
    assert arxiv.asked == []


def test_one_of_several_papers_fails_alone() -> None:
    library = FakeLibrary()
    results = add_papers(library, FakeArxiv(), ["nonsense", "2401.00001", "2401.00001"])
    assert [r.status for r in results] == ["failed", "added"], "the same paper was fetched twice"
    assert results[0].path == "nonsense" and "no arXiv id" in str(results[0].error)
    with pytest.raises(InputError):
        add_papers(library, FakeArxiv(), ["nonsense"])


def test_every_entry_of_a_bibtex_file_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "refs.bib"
    path.write_text(
        "@article{a, title={Attention Is All You Need}, journal={CoRR}}\n"
        "@misc{b, title={Foxes}, journal={arXiv preprint arXiv:2401.00001}}\n"
        "@misc{c, title={Hounds}, doi={10.1000/HOUND}}\n@misc{a, title={Foxes again}}\n"
        "@misc{d, title={Solitude}}\n"
    )
    library, arxiv = FakeLibrary(), FakeArxiv()
    results = add_papers(library, arxiv, [str(path)])
    assert library.given == [Path("1706.03762.pdf"), Path("2401.00001.pdf")]
    assert [r.status for r in results] == ["added", "added", "failed", "failed"]
    assert ("10.1000/hound",) in arxiv.asked and results[3].path == "Solitude"


def test_bibtex_file_that_is_not_there_is_reported() -> None:
    with pytest.raises(InputError, match="nowhere.bib"):
        add_papers(FakeLibrary(), FakeArxiv(), ["nowhere.bib"])


# --- what is new ------------------------------------------------------------------------------


def a_listing(n: int, title: str, abstract: str = "", **fields: Any) -> ArxivPaper:
    return ArxivPaper(
        f"2401.{n:05}", 1, title, ("A", "B"), abstract, NOW, NOW, ("cs.CL",), None, None, **fields
    )


class NewsArxiv(FakeArxiv):
    papers = (
        a_listing(1, "Protein folding", "Residues and their torsion angles."),
        a_listing(2, "LoRA adapters for fine-tuning", "Low-rank adaptation of pretrained models."),
        a_listing(3, "Sparse attention heads", "Multi-head attention with fewer heads."),
        a_listing(4, "Multi-head attention", comment="This paper has been withdrawn"),
    )

    def latest(self, *asked: Any) -> list[ArxivPaper]:
        self.asked.append(asked)
        return list(self.papers)


def test_latest_papers_are_of_the_fields_of_language_models() -> None:
    arxiv = NewsArxiv()
    rows = latest_papers(arxiv, 7)
    assert set(rows[0]) == {
        "id", "title", "authors", "published", "categories", "topic", "closeness", "why",
    }  # fmt: skip
    assert arxiv.asked == [(("cs.CL", "cs.LG"), 7, 600, ())]
    assert [row["id"] for row in rows][-1] == "2401.00001", "a paper of another field comes last"
    assert len(rows) == 3, "a withdrawn paper is no news"


@pytest.mark.parametrize(
    ("studied", "first"),
    [("multi-head-attention", "2401.00003"), ("fine-tuning-pretrained", "2401.00002")],
)
def test_latest_papers_are_ranked_by_what_the_learner_studies(studied: str, first: str) -> None:
    [row, *others] = latest_papers(NewsArxiv(), 7, studied=[studied, "no-topic"])
    assert row["id"] == first and row["topic"] == studied
    assert row["closeness"] >= max(other["closeness"] for other in others)
    assert "which you study" in row["why"]


def test_line_names_the_topic_and_the_words_it_shares() -> None:
    rows = {row["id"]: row for row in latest_papers(NewsArxiv(), 7)}
    why = rows["2401.00002"]["why"]
    assert "Fine-tuning" in why and "(stage 3)" in why and "low rank adaptation" in why
    assert why.count("tuning") == 2, "a word is said twice"
    assert "residues" not in rows["2401.00001"]["why"]


def test_latest_papers_of_a_topic_ask_for_its_words() -> None:
    arxiv = NewsArxiv()
    [row, *_] = latest_papers(arxiv, 7, ("cs.AI",), "multi-head-attention")
    [(categories, days, _, words)] = arxiv.asked
    assert (categories, days) == (("cs.AI",), 7) and "multi-head attention" in words
    assert row["id"] == "2401.00003"
    with pytest.raises(NotFoundError, match="no topic foxes"):
        latest_papers(arxiv, 7, topic="foxes")


# --- what arXiv says of papers that are here --------------------------------------------------


class ListingArxiv(FakeArxiv):
    """Knows one paper, as the test gives it."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.paper = replace(a_listing(1, "Foxes", "We study foxes."), **fields)

    def _papers(self, *asked: Any) -> list[ArxivPaper]:
        self.asked.append(asked)
        return [self.paper]


def refreshed(held: int | None, **fields: Any) -> dict[str, Any]:
    row = a_row("arxiv:2401.00001", arxiv_id="2401.00001", version=held)
    [found] = refresh_papers(FakeLibrary(row), ListingArxiv(**fields), ["2401.00001"])
    assert set(found) == ROW_FIELDS and found["checked"] == NOW.isoformat()
    return found


def test_paper_in_its_last_version_has_no_news() -> None:
    row = refreshed(1)
    assert (row["version"], row["latest_version"], row["withdrawn"]) == (1, 1, False)
    assert row["news"] == [] and row["updated"] == "2024-01-02"


def test_new_version_is_news() -> None:
    assert refreshed(1, version=3)["news"] == [
        "version 3 is out since 2024-01-02; this is version 1"
    ]
    assert refreshed(None, version=3)["news"] == [], "nobody knows which version is here"


def test_withdrawal_is_news_with_its_reason() -> None:
    row = refreshed(1, version=2, comment="Withdrawn by the authors: lemma 3 is wrong")
    assert row["withdrawn"] is True
    assert row["news"] == ["withdrawn: Withdrawn by the authors: lemma 3 is wrong"]


def test_publication_is_news() -> None:
    row = refreshed(1, doi="10.1000/fox", journal="Fox Letters 3")
    assert row["news"] == ["published: Fox Letters 3, 10.1000/fox"]


def test_all_papers_with_an_id_are_asked_about_in_one_request() -> None:
    library = FakeLibrary(a_row("file:abc"), a_row("arxiv:2401.00001", arxiv_id="2401.00001"))
    arxiv, steps = FakeArxiv("2401.00001", "1706.03762"), []
    rows = refresh_papers(library, arxiv, progress=lambda text, _: steps.append(text))
    [asked] = arxiv.asked
    assert set(asked) == {"2401.00001", *load_papers()}
    assert len(rows) == len(asked) and f"{len(asked)} papers" in steps[0]
    checked = {row["arxiv_id"] for row in rows if row["checked"]}
    assert checked == {"2401.00001", "1706.03762"}, "arXiv did not tell about the others"
    listed = {row["doc_id"]: row for row in list_papers(library)}
    assert listed["arxiv:2401.00001"]["latest_version"] == 1, "what arXiv said is kept"
    assert listed["file:abc"]["latest_version"] is None


def test_unreachable_arxiv_leaves_what_it_said_before() -> None:
    library = FakeLibrary(a_row("arxiv:2401.00001", arxiv_id="2401.00001", version=1))
    refresh_papers(library, ListingArxiv(version=2), ["2401.00001"])
    with pytest.raises(NetworkError):
        refresh_papers(library, FakeArxiv(error=NetworkError("arXiv is away.")))
    assert {r["doc_id"]: r for r in list_papers(library)}["arxiv:2401.00001"]["news"]


def test_refresh_of_what_arxiv_can_not_know_says_so() -> None:
    arxiv = FakeArxiv()
    with pytest.raises(InputError, match="no paper|has an arXiv id"):
        refresh_papers(FakeLibrary(a_row("file:abc")), arxiv, ["file:abc"])
    with pytest.raises(NotFoundError, match="no paper 2401.99999"):
        refresh_papers(FakeLibrary(), arxiv, ["2401.99999"])
    assert arxiv.asked == []


def test_added_paper_brings_its_listing_along() -> None:
    library = FakeLibrary()
    add_paper(library, FakeArxiv("2401.00001"), "2401.00001")
    assert list(library.listings.known) == ["2401.00001"]


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
