"""What arXiv said of the papers in the library when it was last asked.

Title, authors, DOI and dates of arXiv are more certain than those read off a PDF, so they go before
them; versions and withdrawals are told beside the paper. Nothing here asks arXiv.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from corpus.papers import load_papers
from tutor.errors import ConfigError, StoreError
from tutor.ingest.document import Document
from tutor.ingest.entry import ArxivPaper
from tutor.settings import Settings

if TYPE_CHECKING:
    from tutor.index import IndexedDocument

logger = logging.getLogger(__name__)
_writing = threading.Lock()
Described = TypeVar("Described", "Document", "IndexedDocument")


@dataclass(frozen=True)
class Listing:
    """A paper as arXiv listed it, and when it was asked."""

    paper: ArxivPaper
    checked: datetime


class Listings:
    """arXiv's facts by id, in one file under TUTOR_HOME/papers.

    Args:
        settings: Says where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Listing] = {}

    def load(self) -> dict[str, Listing]:
        """All listings by arXiv id; none where the file is missing or damaged."""
        try:
            path = self._path()
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:  # another process may have asked
                self._known = _read(path)
                self._stamp = stamp
        except (FileNotFoundError, ConfigError):
            self._known, self._stamp = {}, None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("The listings of arXiv can't be read: %s", error)
            self._known, self._stamp = {}, None
        return self._known

    def save(self, papers: Iterable[ArxivPaper], now: datetime | None = None) -> None:
        """Add listings, or replace older ones.

        Raises:
            StoreError: The file can't be written.
        """
        checked = now or datetime.now(UTC)
        with _writing:
            known = {**self.load(), **{p.arxiv_id: Listing(p, checked) for p in papers}}
            data = {
                name: {"paper": listing.paper.to_dict(), "checked": listing.checked.isoformat()}
                for name, listing in known.items()
            }
            path = self._path()
            partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
            try:
                partial.write_text(json.dumps(data, indent=1), "utf-8")
                os.replace(partial, path)
            except OSError as error:
                raise StoreError(
                    f"{path} could not be written: {error.strerror or error}.",
                    "Free some disk space or set TUTOR_HOME to another folder.",
                ) from error

    def describe(self, described: Described) -> Described:
        """A document or its row with title, authors, year and DOI as arXiv lists them.

        Key papers keep the facts of papers.yaml, which people checked.
        """
        listing = self.load().get(described.arxiv_id or "")
        if listing is None:
            return described
        paper = listing.paper
        facts: dict[str, Any] = {"doi": paper.doi or described.doi}
        if paper.arxiv_id not in load_papers():
            facts |= {
                "title": paper.title or described.title,
                "authors": paper.authors or described.authors,
                "year": paper.year,
            }
        return replace(described, **facts)

    def _path(self) -> Path:
        return self._settings.folder("papers") / "listings.json"


def _read(path: Path) -> dict[str, Listing]:
    return {
        str(name): Listing(
            ArxivPaper.from_dict(entry["paper"]), datetime.fromisoformat(entry["checked"])
        )
        for name, entry in json.loads(path.read_text("utf-8")).items()
    }


def standing_on_arxiv(version: int | None, listing: Listing | None) -> dict[str, Any]:
    """What arXiv says about a paper that is here in some version, as fields and in words.

    Args:
        version: The one that is here; None where that is not known.
        listing: None where arXiv was not asked, or does not know the paper.
    """
    if listing is None:
        return {
            "version": version, "latest_version": None, "withdrawn": None, "updated": None,
            "journal": None, "checked": None, "news": [],
        }  # fmt: skip
    paper = listing.paper
    news = []
    if paper.withdrawn:
        news.append(f"withdrawn: {(paper.comment or paper.abstract)[:200]}")
    elif version is not None and paper.version > version:
        day = paper.updated.date().isoformat()
        news.append(f"version {paper.version} is out since {day}; this is version {version}")
    if paper.doi or paper.journal:
        where = ", ".join(part for part in (paper.journal, paper.doi) if part)
        news.append(f"published: {where}")
    return {
        "version": version, "latest_version": paper.version, "withdrawn": paper.withdrawn,
        "updated": paper.updated.date().isoformat(), "journal": paper.journal,
        "checked": listing.checked.isoformat(), "news": news,
    }  # fmt: skip
