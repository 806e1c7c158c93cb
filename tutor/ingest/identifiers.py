"""How papers are named: arXiv ids, DOIs and titles, as people and reference lists write them."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = (
    r"(?P<id>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}"
    r"|[a-z]+(?:-[a-z]+)?(?:\.[a-z]{2})?/\d{2}(?:0[1-9]|1[0-2])\d{3})"
    r"(?:v(?P<version>[1-9]\d?))?"
)
_ID = re.compile(
    r"(?:(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html|src|e-print|format)/"
    r"|arxiv:\s*|(?:(?:https?://)?(?:dx\.)?doi\.org/|doi:\s*)?10\.48550/arxiv\.)?"
    rf"{_NUMBER}(?:\.pdf)?(?:[?#].*)?",
    re.IGNORECASE,
)
# In running text an id stands behind "arXiv"; a bare number may be anything.
_MENTION = re.compile(
    rf"(?:arxiv\.org/(?:abs|pdf|html)/|\barxiv\s?[:.]\s?|\barxiv preprint(?: arxiv:)?\s+)"
    rf"{_NUMBER}(?!\d)",
    re.IGNORECASE,
)
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>{}|\\^`]+")
_DOI_NAME = re.compile(
    r"(?:(?:https?://)?(?:dx\.|www\.)?doi\.org/|doi:\s*)?(?P<doi>10\.\d{4,9}/\S+)", re.IGNORECASE
)

_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ı": "i", "ø": "o", "Ø": "O"})


def split_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """The arXiv id that `text` is, and its version if it names one; None if it is no id.

    Takes what `parse_arxiv_id` takes.
    """
    match = _ID.fullmatch(text.strip())
    return _split(match) if match else None


def _split(match: re.Match[str]) -> tuple[str, int | None]:
    archive, slash, number = match["id"].rpartition("/")
    # The subject class of an old id ("math.GT/0309136") is no part of it.
    name = f"{archive.split('.')[0].lower()}{slash}{number}"
    return name, int(match["version"]) if match["version"] else None


def parse_arxiv_id(text: str) -> str | None:
    """The arXiv id, without version, that `text` is; None if it is none.

    Takes ids, ids with a version, "arXiv:…", addresses of abstracts and PDFs, arXiv's own DOIs
    (10.48550/arXiv.…), and ids of before 2007 such as cs/0112017.
    """
    found = split_arxiv_id(text)
    return found[0] if found else None


def mentioned_arxiv_ids(text: str) -> tuple[str, ...]:
    """The arXiv ids, without version, that a text names as such."""
    doi_ids = (parse_arxiv_id(doi) for doi in _DOI.findall(text))
    found = [_split(match)[0] for match in _MENTION.finditer(text)]
    return tuple(dict.fromkeys([*found, *(name for name in doi_ids if name)]))


def parse_doi(text: str) -> str | None:
    """The DOI that `text` is, in lower case; None if it is none. "https://doi.org/…" is fine."""
    match = _DOI_NAME.fullmatch(text.strip())
    return _bare(match["doi"]) if match else None


def mentioned_dois(text: str) -> tuple[str, ...]:
    """The DOIs that a text holds, in lower case."""
    return tuple(dict.fromkeys(_bare(doi) for doi in _DOI.findall(text)))


def _bare(doi: str) -> str:
    """A DOI without the punctuation of the sentence around it; DOIs ignore case."""
    doi = doi.lower().rstrip(".,;:'”’*†‡")
    for opening, closing in ("()", "[]"):
        if doi.endswith(closing) and doi.count(closing) > doi.count(opening):
            doi = doi[:-1].rstrip(".,;:")
    return doi


def squeeze(text: str) -> str:
    """Letters and digits in lower case without accents: how titles and names are compared."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS)).casefold()
    return "".join(char for char in plain if char.isalnum())


def surname(author: str) -> str:
    """An author's family name, squeezed: of "Doe, Jane" as of "Jane Doe"."""
    name = author.split(",")[0] if "," in author else (author.split() or [""])[-1]
    return squeeze(name)
