"""The files of added documents: their originals, their parsed text and pictures of their pages."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from tutor.errors import NotFoundError, StoreError
from tutor.ingest.document import Document
from tutor.settings import Settings


class Shelf:
    """Files under TUTOR_HOME/papers, by the document's id.

    Args:
        settings: Says where they are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def keep(self, path: Path, document: Document) -> None:
        """Store the original and its parsed form.

        Raises:
            StoreError: The disk is full or can't be written.
        """
        folder = self._settings.folder("papers")
        try:
            original = folder / f"{_safe(document.doc_id)}.original{path.suffix.lower()}"
            partial = original.with_name(original.name + ".partial")
            shutil.copyfile(path, partial)
            os.replace(partial, original)
            save_document(document, self.parsed_path(document.doc_id))
        except OSError as error:
            raise StoreError(
                f"{path.name} could not be stored in {folder}: {error.strerror or error}.",
                "Free some disk space or set TUTOR_HOME to another folder.",
            ) from error

    def document(self, doc_id: str) -> Document:
        """The parsed text of an added document.

        Raises:
            NotFoundError: No document has that id.
            StoreError: Its file is damaged.
        """
        path = self.parsed_path(doc_id)
        if not path.exists():
            raise NotFoundError(
                f"There is no document {doc_id} in the library.",
                "'tutor papers list' shows what is there; 'tutor ingest FILE' adds one.",
            )
        return load_document(path)

    def original(self, doc_id: str) -> Path | None:
        """The stored original of an added document."""
        found = sorted(self._settings.folder("papers").glob(_safe(doc_id) + ".original*"))
        return found[0] if found else None

    def page_cache(self, doc_id: str) -> Path:
        """Where pictures of a document's pages are kept; they go with the document."""
        return self._settings.folder("cache", "pages", _safe(doc_id))

    def parsed_path(self, doc_id: str) -> Path:
        """Where a document's parsed text is, or would be."""
        return self._settings.folder("papers") / f"{_safe(doc_id)}.json"

    def remove(self, doc_id: str) -> None:
        """Delete all files of a document; unknown ids are fine."""
        self.parsed_path(doc_id).unlink(missing_ok=True)
        original = self.original(doc_id)
        if original is not None:
            original.unlink(missing_ok=True)
        shutil.rmtree(self.page_cache(doc_id), ignore_errors=True)


def _safe(doc_id: str) -> str:
    """A document's id as a file name; ids never decide on a folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", doc_id).lstrip(".")[:80]


def save_document(document: Document, path: Path) -> None:
    """Write a parsed document as JSON, all or nothing."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document.to_dict()), "utf-8")
    os.replace(partial, path)


def load_document(path: Path) -> Document:
    """Read what `save_document` wrote.

    Raises:
        StoreError: The file is damaged.
    """
    try:
        return Document.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"The stored document {path.name} is damaged.", "Remove the paper and add it again."
        ) from error
