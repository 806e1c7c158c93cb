"""BibTeX of papers, written and read with bibtexparser."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from tutor.errors import InputError
from tutor.ingest.identifiers import mentioned_arxiv_ids, parse_arxiv_id, parse_doi

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_SMALL_WORDS = frozenset("a an the on of in for to and with towards from by at is are".split())


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
    return re.sub(r"[^a-z0-9]", "", plain.encode("ascii", "ignore").decode().lower())


def _escape(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in " ".join(text.split()))


def citation_key(authors: Iterable[str], year: int | None, title: str) -> str:
    """Surname, year and first telling word of the title: "vaswani2017attention"."""
    first = next(iter(authors), "")
    surname = first.split(",")[0] if "," in first else (first.split() or [""])[-1]
    words = [word for word in re.split(r"[\s:–—]+", title) if _ascii(word)]
    telling = next((word for word in words if word.lower() not in _SMALL_WORDS), "")
    return f"{_ascii(surname) or 'anonymous'}{year or ''}{_ascii(telling)}"


def _authors(names: Iterable[str]) -> str:
    parts = []
    for name in names:
        if name.lower().strip(". ") == "et al":
            parts.append("others")
        elif re.search(r"\sand\s|,.*,", name):
            parts.append("{" + _escape(name) + "}")
        else:
            parts.append(_escape(name))
    return " and ".join(parts)


def bibtex(papers: Iterable[Mapping[str, Any]]) -> str:
    """BibTeX entries, one a paper, in the order given.

    Args:
        papers: Mappings with doc_id, title, authors, year and arxiv_id, as the library lists
            them. Keys of entries depend on the paper alone; where two would be the same, the id
            is appended to the later one.
    """
    import bibtexparser
    from bibtexparser.model import Entry, Field

    library = bibtexparser.Library()
    used: set[str] = set()
    for paper in papers:
        arxiv_id = paper.get("arxiv_id")
        key = citation_key(paper["authors"], paper["year"], paper["title"])
        if key in used:
            key += re.sub(r"[^\w.-]", "-", f"-{arxiv_id or paper['doc_id']}")
        used.add(key)
        values = {
            "title": "{" + _escape(paper["title"]) + "}",
            "author": _authors(paper["authors"]),
            "year": str(paper["year"] or ""),
        }
        if arxiv_id:
            values |= {
                "eprint": str(arxiv_id),
                "archiveprefix": "arXiv",
                "url": f"https://arxiv.org/abs/{arxiv_id}",
            }
        if doi := paper.get("doi"):
            values["doi"] = str(doi)
        fields = [Field(name, value) for name, value in values.items() if value]
        library.add(Entry("misc", key, fields))
    return bibtexparser.write_string(library) if used else ""


def parse_bibtex(text: str) -> list[dict[str, Any]]:
    """The entries of a BibTeX file as key, type, title, authors, year, arxiv_id and doi.

    Of entries with the same key the first counts. The arXiv id is taken from whatever field names
    it: eprint, or "arXiv preprint arXiv:…" as a journal, or an address.

    Raises:
        InputError: The text holds no entry, or one that is malformed.
    """
    import bibtexparser
    from bibtexparser.middlewares import (
        LatexDecodingMiddleware,
        SeparateCoAuthors,
    )
    from bibtexparser.model import DuplicateBlockKeyBlock

    try:
        library = bibtexparser.parse_string(
            text, append_middleware=[LatexDecodingMiddleware(), SeparateCoAuthors()]
        )
    except Exception as error:  # the boundary at which the parser's failures become ours
        raise InputError("The BibTeX can't be read.", "Check its braces and commas.") from error
    failed = [b for b in library.failed_blocks if not isinstance(b, DuplicateBlockKeyBlock)]
    if failed:
        block = failed[0]
        raise InputError(
            f"The BibTeX entry in line {(block.start_line or 0) + 1} is malformed.",
            "Check its braces, its commas and that its key is there once.",
        )
    if not library.entries:
        raise InputError("There is no BibTeX entry.", "An entry looks like @misc{key, title = …}.")

    entries = []
    for entry in library.entries:
        values = {name.lower(): field.value for name, field in entry.fields_dict.items()}
        year = re.search(r"\d{4}", str(values.get("year", "")))
        entries.append(
            {
                "key": entry.key,
                "type": entry.entry_type.lower(),
                "title": re.sub(r"[{}]", "", str(values.get("title", ""))).strip(),
                "authors": [str(name) for name in values.get("author", [])],
                "year": int(year[0]) if year else None,
                "arxiv_id": _arxiv_id(values),
                "doi": parse_doi(str(values.get("doi", ""))),
            }
        )
    return entries


def _arxiv_id(values: Mapping[str, Any]) -> str | None:
    named = parse_arxiv_id(str(values.get("eprint", "")))
    fields = ("journal", "url", "doi", "note", "howpublished", "volume", "number", "booktitle")
    text = "\n".join(str(values[name]) for name in fields if name in values)
    return named or next(iter(mentioned_arxiv_ids(text)), None)
