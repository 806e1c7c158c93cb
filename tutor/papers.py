"""Papers: those that were added, those known by a note, and those that arXiv has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.papers import load_papers
from tutor.errors import InputError, NetworkError, NotFoundError
from tutor.ingest.arxiv import ArxivClient, parse_arxiv_id
from tutor.ingest.bibtex import bibtex
from tutor.library import Library, Progress
from tutor.retrieve import Retriever

if TYPE_CHECKING:
    from tutor.library import Ingested

FIELDS = ("cs.CL", "cs.LG")  # arXiv's categories in which work on language models appears


def list_papers(library: Library) -> list[dict[str, Any]]:
    """Every paper that something is known about; "source" says what: full_text or notes."""
    rows: dict[str, dict[str, Any]] = {}
    for row in library.documents():
        rows[row.doc_id] = {
            "doc_id": row.doc_id, "arxiv_id": row.arxiv_id, "title": row.title,
            "authors": list(row.authors), "year": row.year, "pages": row.pages,
            "chunks": row.chunks, "source": "full_text",
        }  # fmt: skip
    for paper in load_papers().values():
        rows.setdefault(f"arxiv:{paper.id}", {
            "doc_id": f"arxiv:{paper.id}", "arxiv_id": paper.id, "title": paper.title,
            "authors": list(paper.authors), "year": paper.year, "pages": None, "chunks": None,
            "source": "notes",
        })  # fmt: skip
    return list(rows.values())


def find_papers(retriever: Retriever, arxiv: ArxivClient, query: str) -> dict[str, Any]:
    """Papers on a subject: those known here, and arXiv's where it can be reached."""
    known: dict[str, dict[str, Any]] = {}
    for passage in retriever.search(query, k=20, kind="paper").passages:
        name = passage.doc_id.removeprefix("arxiv:")
        paper = load_papers().get(name)
        known.setdefault(name, {
            "id": name, "title": passage.title, "year": paper.year if paper else None,
        })  # fmt: skip
    note, online = "", []
    try:
        online = [
            {"id": result.arxiv_id, "title": result.title, "year": result.year}
            for result in arxiv.search(query, max_results=5)
            if result.arxiv_id not in known
        ]
    except NetworkError as error:
        note = str(error)
    return {"library": list(known.values())[:5], "arxiv": online, "note": note}


def add_paper(
    library: Library, arxiv: ArxivClient, name: str, progress: Progress | None = None
) -> Ingested:
    """Fetch a paper from arXiv and put it into the library.

    Raises:
        InputError: `name` holds no arXiv id.
        NetworkError: arXiv can't be reached.
    """
    arxiv_id = parse_arxiv_id(name)
    if arxiv_id is None:
        raise InputError(
            f"'{name}' holds no arXiv id.", "Give one such as 1706.03762, or its address on arXiv."
        )
    if progress:
        progress(f"Fetching arXiv:{arxiv_id}", 0.0)
    pdf: Path = arxiv.fetch_pdf(arxiv_id)
    [result] = library.ingest([pdf], progress=progress)
    return result


def latest_papers(arxiv: ArxivClient, days: int) -> list[dict[str, Any]]:
    """What appeared on arXiv in the roadmap's fields, newest first.

    Raises:
        NetworkError: arXiv can't be reached.
    """
    return [
        {
            "id": result.arxiv_id, "title": result.title, "authors": list(result.authors),
            "published": result.published.date().isoformat(),
        }
        for result in arxiv.latest(FIELDS, days)
    ]  # fmt: skip


def export_bibtex(library: Library, names: list[str]) -> str:
    """BibTeX of the named papers, or of all that are known.

    Raises:
        NotFoundError: A name is not known.
    """
    rows = {row["doc_id"]: row for row in list_papers(library)}
    if names:
        chosen = []
        for name in names:
            doc_id = f"arxiv:{parse_arxiv_id(name)}"
            if name in rows or doc_id in rows:
                chosen.append(rows[name if name in rows else doc_id])
            else:
                raise NotFoundError(
                    f"There is no paper {name}.", "'tutor papers list' shows those that are known."
                )
    else:
        chosen = list(rows.values())
    return bibtex(chosen)
