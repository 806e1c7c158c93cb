"""Questions that ask what a thing is, and the sentences that say it.

Search finds where a word is used most, which is seldom where it is introduced: "What is attention?"
led to the limits of attention maps. A sentence with the term as its whole subject and a verb that
defines is rare and almost always what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from corpus.loading import load_yaml
from tutor.ingest.document import Chunk
from tutor.ingest.sentences import split_sentences
from tutor.ingest.terms import VOCABULARY
from tutor.retrieve.words import stems

MOST_WORDS = 4
_QUESTION = re.compile(
    r"^\W*(?:(?:so|and|please|but)\s+)?(?:what(?:['’]s|\s+is|\s+are|\s+does|\s+do)|define|explain"
    r"|describe|tell\s+me\s+about)\s+(?:(?:an?|the)\s+)?(.{2,50}?)(?:\s+(?:mean|stand\s+for))?"
    r"(?:,?\s+and\s+(?:why|how|what|when|where)\b.*)?\W*$",
    re.IGNORECASE,
)
_DEFINITION = re.compile(
    r"^\W*(?:an?\s+|the\s+)?([\w\-/ ]{2,50}?)(?:\s+\([^()]{1,40}\))?(?:\*\*)?\s+"
    r"(?:is|are|means|refers\s+to)\s+(?:an?|the|one|how|what|those|any)\b",
    re.IGNORECASE,
)
# Where lessons and notes introduce things, best first; never where people are corrected.
_SECTIONS = ("In short", "The idea", "Precisely", "Why it matters", "Note")
_WRONG = "What people get wrong"


def asked_term(question: str) -> tuple[str, ...]:
    """The stems of the term whose meaning a question asks for; empty where it asks otherwise."""
    found = _QUESTION.match(question.strip())
    if found is None or len(found.group(1).split()) > MOST_WORDS:
        return ()
    return tuple(stems(found.group(1)))


def asks_for_taught_term(question: str) -> bool:
    """Whether a question asks what one of the words is that name the corpus' topics."""
    return asked_term(question) in _taught()


def defined_term(sentence: str) -> tuple[str, ...]:
    """The stems of the term that a sentence defines; empty where it defines none."""
    found = _DEFINITION.match(sentence)
    return tuple(stems(found.group(1))) if found else ()


def find_definitions(chunks: Sequence[Chunk]) -> dict[tuple[str, ...], int]:
    """For each term, the place of the lesson's or note's chunk that introduces it."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for place, chunk in enumerate(chunks):
        if chunk.section == _WRONG or (chunk.kind != "lesson" and chunk.section != "Note"):
            continue
        rank = _SECTIONS.index(chunk.section) if chunk.section in _SECTIONS else len(_SECTIONS)
        for sentence in split_sentences(chunk.text):
            term = defined_term(sentence)
            if term and (rank, place) < found.get(term, (len(_SECTIONS) + 1, 0)):
                found[term] = (rank, place)
    return {term: place for term, (_, place) in found.items()}


@cache
def _taught() -> frozenset[tuple[str, ...]]:
    topics: dict[str, list[str]] = load_yaml(VOCABULARY)["topics"]
    return frozenset(tuple(stems(term)) for terms in topics.values() for term in terms)
