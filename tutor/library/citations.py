"""The citation graph among known papers: what a paper cites, and what cites it.

An entry of a reference list is matched by arXiv id, by DOI, or by a title that stands in it as a
whole together with an author's name. Reference lists are printed in hundreds of styles, so no
entry is cut into fields: a known title is looked for in it, which also finds both papers of two
entries that the layout ran together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from corpus.papers import load_papers
from tutor.errors import TutorError
from tutor.ingest.identifiers import mentioned_arxiv_ids, mentioned_dois, squeeze, surname

if TYPE_CHECKING:
    from tutor.index import IndexedDocument

logger = logging.getLogger(__name__)
KEY = 10  # letters of a title by which it is looked up
SHORTEST = 6  # letters of a title that are enough beside an author's name
LONG = 25  # letters of a title that are enough without
# What a title ends with in a list: punctuation, or the venue.
_BOUNDARY = re.compile(r"\W*(?:[.,;:?!”\"“\[({»–—]|$|\b(?:In|CoRR|arXiv|Preprint|(?:19|20)\d\d)\b)")


@dataclass(frozen=True)
class Cited:
    """A paper at one end of a citation."""

    doc_id: str
    title: str
    year: int | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class Citations:
    """A paper's neighbours among the papers that are known.

    Attributes:
        cites: In the order of its reference list.
        cited_by: By year, then title.
        references: How many entries its reference list has; 0 where there is no full text.
    """

    cites: tuple[Cited, ...]
    cited_by: tuple[Cited, ...]
    references: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class Known:
    """A paper that references may mean."""

    doc_id: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    arxiv_id: str | None = None
    doi: str | None = None

    @property
    def cited(self) -> Cited:
        """The paper as an end of a citation."""
        return Cited(self.doc_id, self.title, self.year)


class Matcher:
    """Finds the known papers that an entry of a reference list means.

    Args:
        papers: The known papers.
    """

    def __init__(self, papers: Iterable[Known]) -> None:
        self._ids: dict[str, Known] = {}
        self._dois: dict[str, Known] = {}
        self._titles: dict[str, list[tuple[str, Known]]] = {}
        for paper in papers:
            if paper.arxiv_id:
                self._ids[paper.arxiv_id] = paper
            if paper.doi:
                self._dois[paper.doi] = paper
            for title in _forms(paper.title):
                self._titles.setdefault(title[:KEY], []).append((title, paper))
        self._lengths = sorted({len(key) for key in self._titles})

    def match(self, entry: str) -> tuple[Known, ...]:
        """The known papers that an entry means; more than one where two entries ran together."""
        ids = mentioned_arxiv_ids(entry)
        found = [self._ids[name] for name in ids if name in self._ids]
        found += [self._dois[doi] for doi in mentioned_dois(entry) if doi in self._dois]
        for paper in self._titled(entry):
            # One that names another id is another paper, or another entry's.
            if not ids or not paper.arxiv_id or paper.arxiv_id in ids or len(ids) > 1:
                found.append(paper)
        return tuple(dict.fromkeys(found))

    def _titled(self, entry: str) -> Iterator[Known]:
        letters, places = _squeezed(entry)
        for start, place in enumerate(places):
            if place and entry[place - 1].isalnum():
                continue  # in the middle of a word
            for length in self._lengths:
                for title, paper in self._titles.get(letters[start : start + length], ()):
                    if not letters.startswith(title, start):
                        continue
                    end = places[start + len(title) - 1] + 1
                    if not _BOUNDARY.match(entry, end):
                        continue
                    # PDFs don't always tell their authors; a long title set off by full stops does.
                    alone = len(title) >= LONG and _stands_alone(entry, place, end)
                    if alone or _names(paper, letters):
                        yield paper


def _forms(title: str) -> Iterator[str]:
    """A title squeezed, and its part behind the colon where that is telling by itself."""
    whole = squeeze(title)
    if len(whole) >= SHORTEST:
        yield whole
    _, _, rest = title.partition(":")
    if len(rest.split()) >= 5:
        yield squeeze(rest)


def _stands_alone(entry: str, start: int, end: int) -> bool:
    before, after = entry[:start].rstrip()[-1:], entry[end:].lstrip()[:1]
    return before in '.,)”“"' and after in '.,”"'


def _names(paper: Known, letters: str) -> bool:
    """Whether one of the first authors is named; a paper without authors has none to ask for."""
    names = [surname(author) for author in paper.authors[:3] if not author.startswith("et al")]
    return not names or any(name in letters for name in names if name)


def _squeezed(text: str) -> tuple[str, list[int]]:
    """`squeeze(text)`, and where in the text each of its letters stands."""
    letters: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        for letter in _letters(char):
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


@cache
def _letters(char: str) -> str:
    return squeeze(char)


class CitationGraph:
    """Citations among papers.

    Args:
        papers: Every known paper.
        references: The reference lists of those with full text, by doc_id.
    """

    def __init__(self, papers: Sequence[Known], references: dict[str, Sequence[str]]) -> None:
        self._papers = {paper.doc_id: paper for paper in papers}
        self._counts = {doc_id: len(entries) for doc_id, entries in references.items()}
        matcher = Matcher(papers)
        self._cites: dict[str, tuple[str, ...]] = {}
        self._cited_by: dict[str, list[str]] = {}
        for doc_id, entries in references.items():
            ends = (paper.doc_id for entry in entries for paper in matcher.match(entry))
            self._cites[doc_id] = tuple(dict.fromkeys(end for end in ends if end != doc_id))
            for end in self._cites[doc_id]:
                self._cited_by.setdefault(end, []).append(doc_id)

    def citations(self, doc_id: str) -> Citations:
        """A paper's neighbours; none for a paper that is not known.

        Args:
            doc_id: With or without "arxiv:" or "file:".
        """
        names = (doc_id, f"arxiv:{doc_id}", f"file:{doc_id}")
        doc_id = next((name for name in names if name in self._papers), doc_id)
        cites = [self._papers[end].cited for end in self._cites.get(doc_id, ())]
        by = [self._papers[end].cited for end in self._cited_by.get(doc_id, ())]
        by.sort(key=lambda paper: (paper.year or 0, paper.title))
        return Citations(tuple(cites), tuple(by), self._counts.get(doc_id, 0))


def read_citations(
    rows: Iterable[IndexedDocument], references: Callable[[str], Sequence[str]]
) -> CitationGraph:
    """The graph among added papers and those known by a note.

    Args:
        rows: What was added.
        references: Reads a document's reference list; one that can't be read is left out.
    """
    papers = {
        f"arxiv:{paper.id}": Known(
            f"arxiv:{paper.id}", paper.title, paper.authors, paper.year, paper.id
        )
        for paper in load_papers().values()
    }
    lists: dict[str, Sequence[str]] = {}
    for row in rows:
        if row.kind == "paper":
            papers[row.doc_id] = Known(
                row.doc_id, row.title, row.authors, row.year, row.arxiv_id, row.doi
            )
            try:
                lists[row.doc_id] = references(row.doc_id)
            except TutorError as error:
                logger.warning("No references of %s: %s", row.doc_id, error)
    return CitationGraph(list(papers.values()), lists)
