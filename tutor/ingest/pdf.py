"""PDF to Document: pypdf opens and describes the file, PDFium reads its text.

Parses in the calling process: files from outside go through `tutor.ingest.worker`.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tutor.errors import DocumentError
from tutor.ingest.block import Block
from tutor.ingest.blocks import build_blocks
from tutor.ingest.cleaning import SOFT_HYPHEN, Hyphens, clean_characters
from tutor.ingest.document import Document, Section, sha256_hex
from tutor.ingest.frontmatter import (
    drop_front,
    find_abstract,
    find_authors,
    find_title,
    find_year,
)
from tutor.ingest.headings import bare_title
from tutor.ingest.identifiers import mentioned_dois, parse_arxiv_id
from tutor.ingest.layout import Line, drop_running_lines, read_page
from tutor.ingest.sections import build_sections, page_text

MAX_PAGES = 2000
# Fewer letters than this in all mean that the pages are pictures, or hold nothing to study.
MIN_CHARACTERS = 20
ARXIV_STAMP = re.compile(
    r"arXiv:\s?(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v(\d{1,3}))?\s*(?:\[[\w.-]+\])?"
    r"\s*(?:\d{1,2}\s+[A-Z][a-z]{2}\s+\d{4})?"
)


@dataclass(frozen=True)
class _Facts:
    """What the file says about itself."""

    title: str = ""
    authors: str = ""
    created: int | None = None


def looks_like_pdf(data: bytes) -> bool:
    """Whether the content is a PDF; some files carry a few bytes before the header."""
    return b"%PDF-" in data[:1024]


def _describe(data: bytes, name: str) -> _Facts:
    """Metadata by pypdf; what it can't read is left empty.

    Raises:
        DocumentError: A password is needed.
    """
    from pypdf import PdfReader

    # pypdf reports each oddity of a broken file; the reader needs the outcome alone.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(
                f"{name} is encrypted and needs a password.",
                "Open it with its password, save a copy without one and use the copy.",
            )
        found = reader.metadata
        created = found.creation_date.year if found and found.creation_date else None
        return _Facts(
            clean_characters(str((found and found.title) or "")).strip(),
            clean_characters(str((found and found.author) or "")).strip(),
            created,
        )
    except DocumentError:
        raise
    except Exception:  # whatever a hostile file provokes: PDFium has the last word on it
        return _Facts()


def open_pdf(data: bytes, name: str) -> Any:
    """The file as a `pypdfium2.PdfDocument`.

    Raises:
        DocumentError: It needs a password, is truncated or damaged.
    """
    import pypdfium2 as pdfium

    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentError(
                f"{name} is encrypted and needs a password.",
                "Open it with its password, save a copy without one and use the copy.",
            ) from error
        if b"%%EOF" not in data[-65536:]:
            raise DocumentError(
                f"{name} is truncated: its end is missing.", "Download or copy it again."
            ) from error
        raise DocumentError(
            f"{name} is damaged and can't be opened as a PDF.",
            "Download it again, or open it in a viewer and print it to a new PDF.",
        ) from error


def _bookmarks(pdf: Any) -> list[tuple[str, int, int]]:
    import pypdfium2 as pdfium

    found: list[tuple[str, int, int]] = []
    try:
        for item in pdf.get_toc(max_depth=6):
            destination = item.get_dest()
            page = destination.get_index() if destination else None
            if page is not None and len(found) < 2000:
                title = clean_characters(item.get_title() or "")
                found.append((bare_title(title), page + 1, item.level + 1))
    except (pdfium.PdfiumError, ValueError):
        return found
    return found


def _read_lines(pdf: Any, name: str) -> list[list[Line]]:
    import pypdfium2 as pdfium

    pages: list[list[Line]] = []
    broken = 0
    for index in range(len(pdf)):
        try:
            page = pdf[index]
            textpage = page.get_textpage()
            pages.append(read_page(textpage, index + 1))
            textpage.close()
            page.close()
        except pdfium.PdfiumError:
            pages.append([])
            broken += 1
    if broken == len(pages):
        raise DocumentError(
            f"{name} is damaged: none of its {len(pages)} pages can be read.",
            "Download it again, or open it in a viewer and print it to a new PDF.",
        )
    return pages


def _take_stamp(pages: list[list[Line]]) -> tuple[str | None, int | None]:
    """Remove arXiv's stamp from the margin and return its id and version."""
    found: tuple[str | None, int | None] = None, None
    for page in pages[:2]:
        for index, line in enumerate(page):
            # PDFium joins it to the line before where that one ends with a hyphen.
            match = ARXIV_STAMP.search(line.text)
            if not match or len(line.text) - match.end() > 3:
                continue
            if match.start() == 0 or line.text[match.start() - 1] == SOFT_HYPHEN:
                if found[0] is None:
                    found = match[1], int(match[2]) if match[2] else None
                page[index] = replace(line, text=line.text[: match.start()])
        page[:] = [line for line in page if line.text]
    return found


def _parse(
    pages: list[list[Line]], bookmarks: Sequence[tuple[str, int, int]]
) -> tuple[list[Block], Hyphens]:
    kept = drop_running_lines(pages)
    hyphens = Hyphens("\n".join(line.text for line in page) for page in kept)
    return build_blocks(kept, bookmarks), hyphens


def _pages_of(blocks: Sequence[Block], count: int, hyphens: Hyphens) -> tuple[str, ...]:
    by_page: list[list[Block]] = [[] for _ in range(count)]
    for block in blocks:
        by_page[block.page - 1].append(block)
    return tuple(page_text(page, hyphens) for page in by_page)


def _whole_pages(page_texts: Sequence[str]) -> tuple[Section, ...]:
    return tuple(Section("", 1, number, text) for number, text in enumerate(page_texts, 1) if text)


def _own_doi(first_page: str) -> str | None:
    """The DOI on the first page; where it names several, none of them is sure to be its own."""
    found = [doi for doi in mentioned_dois(first_page) if not parse_arxiv_id(doi)]
    return found[0] if len(found) == 1 else None


def _require_text(name: str, pages: Sequence[str], least: int = MIN_CHARACTERS) -> None:
    letters = sum(char.isalpha() for text in pages for char in text)
    if not letters:
        raise DocumentError(
            f"{name} has no text layer: its {len(pages)} page(s) hold pictures or nothing.",
            "Run OCR first, for instance with ocrmypdf, and use the result.",
        )
    if letters < least:
        raise DocumentError(
            f"{name} holds {letters} letters on {len(pages)} page(s): too little to work with.",
            "If its pages are pictures of text, run OCR first, for instance with ocrmypdf.",
        )


def read_pdf(data: bytes, name: str) -> Document:
    """Parse a PDF.

    Args:
        data: The file's content.
        name: The file's name, for messages and as the title of last resort.

    Raises:
        DocumentError: Encrypted, truncated, damaged, scanned, or more than `MAX_PAGES` pages.
    """
    facts = _describe(data, name)
    pdf = open_pdf(data, name)
    try:
        count = len(pdf)
        if not count:
            raise DocumentError(f"{name} has no pages.", "Export or download it again.")
        if count > MAX_PAGES:
            raise DocumentError(
                f"{name} has {count} pages; at most {MAX_PAGES} are read.",
                "Split it into smaller files.",
            )
        bookmarks = _bookmarks(pdf)
        pages = _read_lines(pdf, name)
    finally:
        pdf.close()
    _require_text(name, ["".join(line.text for line in page) for page in pages])
    arxiv_id, version = _take_stamp(pages)
    title = find_title(pages[0], facts.title, name)
    blocks, hyphens = _parse(pages, bookmarks)
    title = hyphens.mend(title)
    page_texts = _pages_of(blocks, count, hyphens)
    _require_text(name, page_texts, least=1)  # a stamp on each picture is no text
    sections, references = build_sections(blocks, hyphens)
    if not any(section.text for section in sections):
        sections = _whole_pages(page_texts)  # a form or a slide: no sentence, yet text
    digest = sha256_hex(data)
    return Document(
        doc_id=f"arxiv:{arxiv_id}" if arxiv_id else f"file:{digest[:12]}",
        kind="paper",
        title=title,
        authors=find_authors(pages[0], facts.authors, title),
        year=find_year(pages[0], arxiv_id, facts.created),
        arxiv_id=arxiv_id,
        abstract=find_abstract(sections),
        sections=drop_front(sections, title),
        references=references,
        page_texts=page_texts,
        sha256=digest,
        doi=_own_doi(page_texts[0]),
        version=version,
    )
