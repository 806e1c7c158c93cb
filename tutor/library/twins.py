"""One paper, two files: a new document that the library holds already under another id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tutor.ingest.document import Document
from tutor.ingest.identifiers import squeeze, surname

if TYPE_CHECKING:
    from tutor.index import IndexedDocument

SHORTEST_TITLE = 15  # letters; below that titles such as "Notes" or "Chapter 1" are nobody's own


def find_twin(document: Document, rows: Iterable[IndexedDocument]) -> IndexedDocument | None:
    """The paper of the library that a document is another copy or edition of.

    Same DOI; or same title, and an author in common. Where a file names no authors, two PDFs of the
    same title are taken for the same paper. Two different arXiv ids are two papers.
    """
    if document.kind != "paper":
        return None
    for row in rows:
        if row.doc_id == document.doc_id or row.kind != "paper" or row.source == "corpus":
            continue
        if row.arxiv_id and document.arxiv_id and row.arxiv_id != document.arxiv_id:
            continue
        if document.doi and document.doi == row.doi:
            return row
        if _same_title(document.title, row.title) and _same_authors(document, row):
            return row
    return None


def _same_title(left: str, right: str) -> bool:
    title = squeeze(left)
    return len(title) >= SHORTEST_TITLE and title == squeeze(right)


def _same_authors(document: Document, row: IndexedDocument) -> bool:
    if document.authors and row.authors:
        return bool({surname(a) for a in document.authors} & {surname(a) for a in row.authors})
    return bool(document.page_texts) and row.pages > 0
