"""Pages of the library's PDFs as pictures with a quote marked: what stands beside a summary."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from tutor.errors import NotFoundError
from tutor.ingest.document import Document
from tutor.ingest.highlight import find_quote
from tutor.ingest.page_image import PageImage
from tutor.ingest.worker import Worker
from tutor.library.library import Library

logger = logging.getLogger(__name__)
MAX_CACHED = 400  # pages of about 200 KB
_DRAWING = 1  # enters the cache's names: pages that were drawn otherwise are not shown


@dataclass(frozen=True)
class PageView:
    """A page to be read.

    Attributes:
        title: Of the document.
        number: 1-based.
        count: Pages of the document.
        quote: What is marked on it; empty for nothing.
        text: Of the page, for those who don't see the picture.
    """

    doc_id: str
    title: str
    number: int
    count: int
    quote: str
    text: str
    drawn: PageImage


def has_pages(library: Library, doc_id: str) -> bool:
    """Whether a document's pages can be shown."""
    path = library.shelf.original(doc_id)
    return path is not None and path.suffix == ".pdf"


def open_page(library: Library, doc_id: str, number: int, quote: str = "") -> PageView:
    """Draw a page, or take it from the cache.

    Args:
        number: 1-based; where the quote stands on the page before or after it, that one is shown.
        quote: What to mark on the page.

    Raises:
        NotFoundError: There is no such document, or it is no PDF.
        DocumentError: The page can't be drawn.
    """
    document = library.document(doc_id)
    path = library.shelf.original(doc_id)
    if path is None or path.suffix != ".pdf":
        raise NotFoundError(
            f"{document.title} has no pages that can be shown.", "Add its PDF to the library."
        )
    count = len(document.page_texts)
    if quote:
        number = page_of(document, number, quote)
    if not 1 <= number <= count:
        raise NotFoundError(f"There is no page {number}.", f"Choose one from 1 to {count}.")
    drawn = _draw(path, library.shelf.page_cache(doc_id), document.sha256, number, quote)
    text = document.page_texts[number - 1]
    return PageView(doc_id, document.title, number, count, quote, text, drawn)


def page_of(document: Document, number: int, quote: str) -> int:
    """The page near `number` on which most of a quote stands; a passage may begin before it."""
    near = [number, number + 1, number - 1]
    shares = {
        n: find_quote(document.page_texts[n - 1], quote).share
        for n in near
        if 1 <= n <= len(document.page_texts)
    }
    best = max(shares.values(), default=0.0)
    return next((n for n in near if shares.get(n) == best), number) if best else number


def _draw(path: Path, cache: Path, sha256: str, number: int, quote: str) -> PageImage:
    marked = hashlib.sha256(quote.encode("utf-8", "replace")).hexdigest()[:16]
    kept = cache / f"{sha256[:16]}-{number}-{marked}-{_DRAWING}.json"
    try:
        drawn = PageImage.from_dict(json.loads(kept.read_bytes()))
        kept.touch()
        return drawn
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or damaged: it is drawn again
    with Worker() as worker:
        drawn = worker.draw(path, number, quote)
    partial = kept.with_name(f"{kept.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(drawn.to_dict()), "utf-8")
        os.replace(partial, kept)
        _prune(cache.parent)
    except OSError as error:  # the page is shown all the same
        logger.warning("The page could not be kept in %s: %s", cache, error)
    return drawn


def _prune(folder: Path) -> None:
    """Forget the pages that nobody looked at for longest."""
    pages = sorted(folder.glob("*/*.json"), key=lambda page: page.stat().st_mtime)
    for page in pages[: max(len(pages) - MAX_CACHED, 0)]:
        page.unlink(missing_ok=True)
