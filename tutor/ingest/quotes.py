"""Sentences fit to be quoted, and the check that a quote stands on its page."""

from __future__ import annotations

import re
import unicodedata

_DASHES = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212]+")
_QUOTES = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "`": "'"})
_CITATION = re.compile(
    r"\s*(?:\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\]"
    r"|[(\[](?:see\s|e\.g\.,?\s|cf\.\s|inter alia[,;]\s)?"
    r"[^()\[\]\d]{2,120}?,?\s?[(]?(?:19|20)\d\d[a-z]?"
    r"(?:[;,]\s?[^()\[\]]{0,160})?[)\]])"
)
_REFERRING = re.compile(
    r"^(?:\W*)(?:figure|fig\.|table|algorithm|equation|section|appendix|listing|theorem|lemma|proof)"
    r"\s*[\dA-Z]|^\W*\d+\s*https?:|https?://\S+\s*$",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[.!?][\"'”’)\]]*(?:\s?\[[\d,\s–-]+\])?$")


def _squeeze(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return _DASHES.sub("", normal)


def quote_on_page(quote: str, page_text: str) -> bool:
    """Whether `quote` stands on the page; white space, hyphens and case may differ."""
    wanted = _squeeze(quote)
    return bool(wanted) and wanted in _squeeze(page_text)


def is_prose(sentence: str) -> bool:
    """Whether this is a complete sentence of running text, not a row of a table or a formula."""
    if not 40 <= len(sentence) <= 350 or not _ENDED.search(sentence):
        return False
    first = sentence.lstrip("\"“‘'(")[:1]
    if not (first.isupper() or first.isdigit()) or _REFERRING.match(sentence):
        return False
    if re.match(r"\d{1,2}(?:[A-Z]|\s[A-Z]|[.)])|[•∗*†‡]", sentence):
        return False  # a footnote with its mark
    compact = [char for char in sentence if not char.isspace()]
    letters = sum(char.isalpha() for char in compact) / len(compact)
    digits = sum(char.isdigit() for char in compact) / len(compact)
    without = _CITATION.sub("", sentence)
    brackets = sum(char in "()[]{}<>|=∈∑∏∂√×·+\\" for char in without)
    words = re.findall(r"[^\W\d_]+", without)
    if letters < 0.78 or digits > 0.12 or brackets > 6 or len(words) < 7:
        return False
    if any(char in without for char in "=∈∑∏∂√⊙⊗{}|") or re.search(r"\bet al$", sentence):
        return False
    single = sum(len(word) == 1 and word not in "aAI" for word in words)
    if single > 2 or len(words) < 0.55 * len(without.split()):
        return False
    # Words run together or cut to pieces, as badly encoded fonts give them.
    return all(len(word) <= 26 for word in words) and without.count('"') % 2 == 0


def without_citations(sentence: str) -> str:
    """The sentence without "[12, 3]" and "(Author et al., 2018)"."""
    text = _CITATION.sub("", sentence)
    return re.sub(r"\s+([.,;:)])", r"\1", " ".join(text.split())).strip()
