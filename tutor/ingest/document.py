"""What was read: a Document of Sections, and the Chunks that retrieval works on."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tutor.errors import DocumentError

Kind = Literal["paper", "lesson"]

# Enters the name of the index: a changed parser never meets chunks of an older one.
PARSER_VERSION = 1

MAX_FILE_MB = 200
TEXT_SUFFIXES = (".md", ".markdown", ".txt")
SUFFIXES = (".pdf", *TEXT_SUFFIXES)


@dataclass(frozen=True)
class Section:
    """A stretch of text under one heading.

    Attributes:
        title: The heading without its number; empty for text before the first heading.
        level: 1 for a chapter, 2 for a subsection, and so on.
        page: The 1-based page on which the section begins; None where there are no pages.
        text: The whole text; paragraphs stand apart by a blank line.
        parts: (page, text) in reading order; joined they are `text`. Empty means one part.
        number: The heading's number as printed ("3.1", "A"), or empty.
    """

    title: str
    level: int
    page: int | None
    text: str
    parts: tuple[tuple[int, str], ...] = ()
    number: str = ""

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages that the section touches, in order."""
        if self.parts:
            return tuple(dict.fromkeys(page for page, _ in self.parts))
        return () if self.page is None else (self.page,)

    def page_at(self, offset: int) -> int | None:
        """The page on which the character at `offset` of `text` stands."""
        end, last = 0, self.page
        for page, part in self.parts:
            end, last = end + len(part), page
            if offset < end:
                return page
        return last


@dataclass(frozen=True)
class Document:
    """A paper, a note or a lesson, read and cleaned.

    Attributes:
        doc_id: "arxiv:<id>", "file:<first 12 hex digits of the SHA-256>" or "lesson:<topic>".
        year: Year of publication as far as the document says.
        references: The entries of the reference list, which is not part of `sections`.
        page_texts: Cleaned text of each page, to check that a quote stands on it.
        sha256: Of the file, or of the text where there is no file.
        doi: Of the published version, in lower case, where the first page names one DOI.
        version: Of the paper on arXiv, where it is stamped with one.
    """

    doc_id: str
    kind: Kind
    title: str
    authors: tuple[str, ...]
    year: int | None
    arxiv_id: str | None
    abstract: str
    sections: tuple[Section, ...]
    references: tuple[str, ...] = ()
    page_texts: tuple[str, ...] = ()
    sha256: str = ""
    doi: str | None = None
    version: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Document:
        """The document that `to_dict` made `data` of."""
        sections = tuple(
            Section(
                **{
                    **section,
                    "parts": tuple((int(page), str(text)) for page, text in section["parts"]),
                }
            )
            for section in data["sections"]
        )
        tuples = {name: tuple(data[name]) for name in ("authors", "references", "page_texts")}
        return cls(**{**data, **tuples, "sections": sections})


@dataclass(frozen=True)
class Chunk:
    """What retrieval finds: a few whole sentences of one section.

    Attributes:
        id: Hash of document, section, page and text, so that the same text keeps its id.
        page: The 1-based page on which the chunk begins; None where there are no pages.
        ordinal: 0-based place in the document.
        stage: The roadmap's stage; None outside the built-in corpus.
        topics: Ids of the roadmap's topics that it belongs to.
    """

    id: str
    doc_id: str
    kind: Kind
    title: str
    section: str
    page: int | None
    text: str
    ordinal: int
    stage: int | None = None
    topics: tuple[str, ...] = ()


def read_bytes(path: Path) -> bytes:
    """A file's content, checked for what no parser should see.

    Raises:
        DocumentError: The file is missing, unreadable, empty or larger than `MAX_FILE_MB`.
    """
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise DocumentError(
                f"{path} is a folder, not a document.",
                f"Name a file inside it that ends in {', '.join(SUFFIXES)}.",
            )
        if not path.is_file():
            raise DocumentError(f"{path} is not a regular file.", "Copy it into a file first.")
        if size > MAX_FILE_MB * 2**20:
            raise DocumentError(
                f"{path.name} has {size / 2**20:.0f} MB; at most {MAX_FILE_MB} MB are read.",
                "Split it into smaller files.",
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(f"There is no file {path}.", "Check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DocumentError(
            f"{path.name} can't be read: {reason}.", "Check the path and its permissions."
        ) from error
    if not data:
        raise DocumentError(f"{path.name} is empty (0 bytes).", "Download or save it again.")
    return data


def read_document(path: Path | str) -> Document:
    """Read a PDF, Markdown or text file; the content decides which it is, not the suffix.

    Parses in this process: for files from outside use `tutor.ingest.worker.parse`.

    Raises:
        DocumentError: The file can't be read; the message says why and what cures it.
    """
    from tutor.ingest.corpus import with_known_facts

    return with_known_facts(parse_file(Path(path)))


def parse_file(path: Path) -> Document:
    """What the file itself says, without what papers.yaml knows about it.

    Raises:
        DocumentError: The file can't be read.
    """
    from tutor.ingest.pdf import looks_like_pdf, read_pdf
    from tutor.ingest.text import read_text

    data = read_bytes(path)
    if looks_like_pdf(data):
        return read_pdf(data, path.name)
    if path.suffix.lower() == ".pdf":
        raise DocumentError(
            f"{path.name} is not a PDF: its content does not begin with %PDF.",
            "Download it again; a web page is often saved under this name by mistake.",
        )
    return read_text(data, path.name)


def list_documents(paths: list[Path]) -> list[Path]:
    """The files to read: files as given, folders searched for known suffixes, each file once.

    A path that does not exist and a folder without documents stay in the list: reading them says
    what is wrong, and the others are read all the same.
    """
    found: dict[Path, None] = {}
    for path in paths:
        try:
            inside = _documents_in(path) if path.is_dir() else []
        except OSError:
            inside = []  # not to be looked into; reading it gives the reason
        found.update(dict.fromkeys(inside or [path]))
    return list(found)


def _documents_in(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.rglob("*")
        if entry.suffix.lower() in SUFFIXES
        and entry.is_file()
        and not any(part.startswith(".") for part in entry.relative_to(folder).parts)
    )


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
