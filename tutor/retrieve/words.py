"""A text as the words that a search compares."""

from __future__ import annotations

import re
import threading
from typing import Any

from tutor.ingest.document import Chunk

STOP_WORDS = frozenset(
    "a about an and are as at be been but by can could did do does for from had has have how i"
    " if in into is it its me my no not of on or our should so some such than that the their them"
    " then there these they"
    " this to us use used was we were what when where which who why will with would you your"
    " explain tell describe please define".split()
)
_WORD = re.compile(r"[^\W_]+")
_local = threading.local()


def words(text: str) -> list[str]:
    """Lower-case words and numbers; hyphens and apostrophes split."""
    return _WORD.findall(text.lower())


def stems(text: str) -> list[str]:
    """Stems of the content words of a text, by the Snowball stemmer for English."""
    kept = [word for word in words(text) if word not in STOP_WORDS]
    return list(_stemmer().stemWords(kept))


def _stemmer() -> Any:
    # A Snowball stemmer keeps state between calls, so each thread has its own.
    if not hasattr(_local, "stemmer"):
        import Stemmer

        _local.stemmer = Stemmer.Stemmer("english")
    return _local.stemmer


def searched_text(chunk: Chunk) -> str:
    """What words are searched in: as embedded, the title once more.

    A word of the title counts twice, as in BM25F (Robertson, Zaragoza and Taylor, 2004).
    """
    return f"{chunk.title}\n{embedding_text(chunk)}"


def embedding_text(chunk: Chunk) -> str:
    """What is embedded for a chunk: its place in the document, then its text."""
    place = " > ".join(part for part in (chunk.title, chunk.section) if part)
    return f"{place}\n{chunk.text}"
