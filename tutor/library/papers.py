"""Papers: those that were added, those known by a note, and those that arXiv has."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NetworkError, NotFoundError, StoreError, TutorError
from tutor.ingest.arxiv import ArxivClient, parse_arxiv_id
from tutor.ingest.bibtex import bibtex, parse_bibtex
from tutor.ingest.document import read_bytes
from tutor.ingest.identifiers import parse_doi, split_arxiv_id, squeeze
from tutor.ingest.terms import topic_words
from tutor.library.library import Ingested, Library, Progress
from tutor.library.listings import standing_on_arxiv
from tutor.library.news import rank_news
from tutor.retrieve import Retriever

logger = logging.getLogger(__name__)
FIELDS = ("cs.CL", "cs.LG")  # arXiv's categories in which work on language models appears
NEWEST = 600  # papers that are ranked
SHOWN_NEWS = 30
TOPIC_WORDS = 8  # of a topic's names in a query


def list_papers(library: Library) -> list[dict[str, Any]]:
    """Every paper that something is known about.

    "source" says what: full_text or notes. What arXiv said when it was last asked stands in
    "latest_version", "withdrawn", "updated", "journal" and "checked", in words in "news".
    """
    rows: dict[str, dict[str, Any]] = {}
    listings = library.listings.load()
    for row in library.documents():
        rows[row.doc_id] = {
            "doc_id": row.doc_id, "arxiv_id": row.arxiv_id, "title": row.title,
            "authors": list(row.authors), "year": row.year, "pages": row.pages,
            "chunks": row.chunks, "source": "full_text", "doi": row.doi,
            **standing_on_arxiv(row.version, listings.get(row.arxiv_id or "")),
        }  # fmt: skip
    for paper in load_papers().values():
        listing = listings.get(paper.id)
        rows.setdefault(f"arxiv:{paper.id}", {
            "doc_id": f"arxiv:{paper.id}", "arxiv_id": paper.id, "title": paper.title,
            "authors": list(paper.authors), "year": paper.year, "pages": None, "chunks": None,
            "source": "notes", "doi": listing.paper.doi if listing else None,
            **standing_on_arxiv(paper.version, listing),
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


def add_papers(
    library: Library, arxiv: ArxivClient, names: Sequence[str], progress: Progress | None = None
) -> list[Ingested]:
    """Fetch papers from arXiv and put them into the library; one that fails fails alone.

    Args:
        library: Where they go.
        arxiv: Where they come from.
        names: Ids, addresses, DOIs, titles, or BibTeX files, each of whose entries is looked for.
        progress: Told what is done.

    Raises:
        InputError: A BibTeX file can't be read.
        TutorError: The only paper that was named can't be had.
    """
    wanted = [name for given in names for name in _entries(given)]
    results = []
    for name in dict.fromkeys(wanted):
        try:
            results.append(add_paper(library, arxiv, name, progress))
        except TutorError as error:
            if len(wanted) == 1:
                raise
            results.append(Ingested(name, None, 0, 0, 0, "failed", str(error)))
    return results


def _entries(name: str) -> list[str]:
    """What a BibTeX file lists, each by its id, DOI or title; any other name as it is."""
    if not name.lower().endswith((".bib", ".bibtex")):
        return [name]
    text = read_bytes(Path(name)).decode("utf-8", "replace")
    return [
        entry["arxiv_id"] or entry["doi"] or entry["title"] or entry["key"]
        for entry in parse_bibtex(text)
    ]


def add_paper(
    library: Library, arxiv: ArxivClient, name: str, progress: Progress | None = None
) -> Ingested:
    """Fetch a paper from arXiv and put it into the library.

    Args:
        library: Where it goes.
        arxiv: Where it comes from.
        name: An id with or without version, an address, a DOI, or a title of two words or more.
        progress: Told what is done.

    Raises:
        InputError: `name` is none of these.
        NotFoundError: arXiv has no such paper, or it was withdrawn.
        NetworkError: arXiv can't be reached.
    """
    arxiv_id = find_id(arxiv, name)
    if progress:
        progress(f"Fetching arXiv:{arxiv_id}", 0.0)
    pdf: Path = arxiv.fetch_pdf(arxiv_id)
    _keep_listing(library, arxiv, arxiv_id)
    [result] = library.ingest([pdf], progress=progress)
    return result


def _keep_listing(library: Library, arxiv: ArxivClient, arxiv_id: str) -> None:
    """Title, authors and DOI of a fetched paper from arXiv itself; without them the PDF's do."""
    try:
        library.listings.save(arxiv.get([parse_arxiv_id(arxiv_id) or arxiv_id]))
    except (NetworkError, StoreError) as error:
        logger.warning("No listing of %s: %s", arxiv_id, error)


def find_id(arxiv: ArxivClient, name: str) -> str:
    """The arXiv id of what a person typed, with its version where they gave one.

    Raises:
        InputError: `name` is no id, no DOI and no title.
        NotFoundError: arXiv lists no paper of that DOI or title.
        NetworkError: arXiv can't be reached.
    """
    found = split_arxiv_id(name)
    if found is not None:
        return f"{found[0]}v{found[1]}" if found[1] else found[0]
    if doi := parse_doi(name):
        paper = arxiv.find_doi(doi)
        if paper is None:
            raise NotFoundError(
                f"arXiv lists no paper with the DOI {doi}.",
                "Many of its papers name none: try the title, or add the PDF yourself.",
            )
        return paper.arxiv_id
    title = squeeze(name)
    for known in load_papers().values():
        if title and squeeze(known.title) == title:
            return known.id
    if len(re.findall(r"[^\W\d_]{2,}", name)) < 2 or "/" in name:
        raise InputError(
            f"'{name[:80]}' holds no arXiv id.",
            "Give one such as 1706.03762, its address on arXiv, a DOI or the whole title.",
        )
    papers = arxiv.find_title(name)
    if papers and squeeze(papers[0].title) == title:
        return papers[0].arxiv_id
    nearest = "; ".join(f"{paper.arxiv_id} “{paper.title}”" for paper in papers[:3])
    raise NotFoundError(
        f"arXiv has no paper called '{name[:120]}'.",
        f"Do you mean {nearest}?" if nearest else "Give its arXiv id, or add the PDF yourself.",
    )


def latest_papers(
    arxiv: ArxivClient,
    days: int,
    categories: Sequence[str] = FIELDS,
    topic: str | None = None,
    studied: Collection[str] = (),
) -> list[dict[str, Any]]:
    """What appeared on arXiv, nearest to what the learner studies first.

    Args:
        arxiv: Where to ask.
        days: How far back.
        categories: arXiv's; the roadmap's fields if none is named.
        topic: Only papers that use a word of this topic of the roadmap.
        studied: The topics that the learner is at.

    Raises:
        NotFoundError: There is no such topic.
        NetworkError: arXiv can't be reached.
    """
    words: Sequence[str] = ()
    if topic is not None:
        if topic not in {known.id for known in load_roadmap().topics()}:
            raise NotFoundError(f"There is no topic {topic}.", "'tutor roadmap' shows the topics.")
        # Longer names say more: "multi-head attention" before "attention".
        words = sorted(topic_words(topic), key=lambda word: -len(word.split()))[:TOPIC_WORDS]
        studied = {topic}
    papers = arxiv.latest(tuple(categories) or FIELDS, days, NEWEST, words)
    return [news.to_dict() for news in rank_news(papers, studied)[:SHOWN_NEWS]]


def refresh_papers(
    library: Library,
    arxiv: ArxivClient,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Ask arXiv again about papers, all in one request, and keep what it says.

    Args:
        library: Whose papers; its listings are replaced.
        arxiv: Where to ask. Its replies are kept for a day, so that asking again asks nobody.
        names: Ids of papers that are known; empty asks about all that have an arXiv id.
        progress: Told what is done.

    Returns:
        The rows of those papers, as `list_papers` gives them.

    Raises:
        NotFoundError: A name is not known.
        InputError: A named paper has no arXiv id.
        NetworkError: arXiv can't be reached; what it said before stays.
    """
    rows = _named(list_papers(library), names) if names else list_papers(library)
    ids = [row["arxiv_id"] for row in rows if row["arxiv_id"]]
    if names and not ids:
        raise InputError(
            "None of these papers has an arXiv id.",
            "arXiv can be asked about its own papers alone.",
        )
    if progress:
        progress(f"Asking arXiv about {len(ids)} papers", 0.0)
    library.listings.save(arxiv.get(ids))
    asked = set(ids)
    return [row for row in list_papers(library) if row["arxiv_id"] in asked]


def _named(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of the named papers.

    Raises:
        NotFoundError: A name is not known.
    """
    known = {row["doc_id"]: row for row in rows}
    chosen = []
    for name in names:
        found = [n for n in (name, f"arxiv:{parse_arxiv_id(name)}", f"file:{name}") if n in known]
        if not found:
            raise NotFoundError(
                f"There is no paper {name}.", "'tutor papers list' shows those that are known."
            )
        chosen.append(known[found[0]])
    return chosen


def export_bibtex(library: Library, names: list[str]) -> str:
    """BibTeX of the named papers, or of all that are known.

    Raises:
        NotFoundError: A name is not known.
    """
    rows = list_papers(library)
    return bibtex(_named(rows, names) if names else rows)
