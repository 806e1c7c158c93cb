"""A paper as arXiv lists it: one entry of a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tutor.errors import InputError
from tutor.ingest.identifiers import split_arxiv_id

_WITHDRAWN = re.compile(
    r"^\W*(?:this|the) (?:paper|article|submission|manuscript|work|preprint) "
    r"(?:has been|is|was)(?: temporarily)? withdrawn",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ArxivPaper:
    """A paper as arXiv lists it.

    Attributes:
        arxiv_id: Without the version.
        published: When the first version was submitted.
        doi: Of the published version, in lower case.
        comment: What the authors add; a withdrawal is said here.
    """

    arxiv_id: str
    version: int
    title: str
    authors: tuple[str, ...]
    abstract: str
    published: datetime
    updated: datetime
    categories: tuple[str, ...]
    doi: str | None
    journal: str | None
    comment: str = ""

    @property
    def withdrawn(self) -> bool:
        """Whether its authors or arXiv took it back; the version they withdrew has no PDF."""
        said = bool(re.search(r"\bwithdrawn\b", self.comment, re.IGNORECASE))
        return said or bool(_WITHDRAWN.match(self.abstract))

    @property
    def year(self) -> int:
        """Year of the first version."""
        return self.published.year

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data."""
        dates = {"published": self.published.isoformat(), "updated": self.updated.isoformat()}
        return {**asdict(self), **dates, "year": self.year, "withdrawn": self.withdrawn}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArxivPaper:
        """Read what `to_dict` wrote."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        for name in ("published", "updated"):
            fields[name] = datetime.fromisoformat(fields[name])
        for name in ("authors", "categories"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def read_entry(result: Any) -> ArxivPaper | None:
    """One entry of a reply; None for an entry that is no paper.

    Raises:
        InputError: The entry is an error message of arXiv's.
    """
    if "/api/errors" in result.entry_id:
        raise InputError(
            f"arXiv does not understand the request: {_one_line(result.summary)[:200]}.",
            "Check the id or the words of the query.",
        )
    found = split_arxiv_id(result.entry_id)
    if found is None:
        return None
    return ArxivPaper(
        arxiv_id=found[0],
        version=found[1] or 1,
        title=_one_line(result.title),
        authors=tuple(_one_line(author.name) for author in result.authors),
        abstract=_one_line(result.summary),
        published=result.published,
        updated=result.updated,
        categories=tuple(result.categories),
        doi=result.doi.lower() if result.doi else None,
        journal=result.journal_ref or None,
        comment=_one_line(result.comment or ""),
    )
