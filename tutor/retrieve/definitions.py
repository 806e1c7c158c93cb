"""Questions that ask what a thing is, and the sentences that say it.

Search finds where a word is used most, which is seldom where it is introduced: "What is attention?"
led to the limits of attention maps. A sentence with the term as its whole subject and a verb that
defines is rare and almost always what was asked for; the next best says what the term does.
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
_SUBJECT = r"(?:an?\s+|the\s+)?(?:\*\*)?([\w\-/ ]{2,50}?)(?:\s+\(([^()]{1,40})\))?(?:\*\*)?\s+"
_DEFINITION = re.compile(
    rf"^\W*{_SUBJECT}(?:is|are|means|refers\s+to)"
    r"\s+(?:an?|the(?!\s+(?:most|\w+est)\b)|one|what|those|any)\b",
    re.IGNORECASE,
)
# What a thing does says what it is where the verb takes things in and gives others out. Some are
# nouns as well ("attention maps"): they are verbs before an article alone.
_VERBS = (
    "adapts adds begins builds chooses combines compares compresses computes continues converts"
    " copies cuts divides extends finds forgets freezes generates groups imitates joins keeps lets"
    " looks marks merges moves multiplies normalizes picks predicts projects puts reads reduces"
    " removes replaces represents rescales retrieves rewrites rotates shortens shrinks stores"
    " subtracts teaches tells trains turns updates writes"
)
_NOUNS = "counts gives maps measures ranks samples scores splits takes"
_DEED = re.compile(
    rf"(?:^\W*|[,;:]\s+(?:and\s+)?){_SUBJECT}(?:(?:first|simply|repeatedly)\s+)?"
    rf"(?:(?:{_VERBS.replace(' ', '|')})\b"
    rf"|(?:{_NOUNS.replace(' ', '|')})(?=\s+(?:an?|each|every|how|the)\b))"
    r"(?!\s+(?:another|both|it|such|that|them|these|this|those)\b)",
    re.IGNORECASE,
)
# Where lessons and notes introduce things, best first; never where people are corrected.
_SECTIONS = ("In short", "The idea", "Precisely", "Why it matters", "Note")
_WITH_DEEDS = ("In short", "The idea")  # a note tells the deeds of its own paper's variant
_DEED_BEHIND = 1.5  # sections that a deed stands behind a definition
_ELSEWHERE = 0.5  # the same for a lesson whose title does not name the term


def asked_term(question: str) -> tuple[str, ...]:
    """The stems of the term whose meaning a question asks for; empty where it asks otherwise."""
    found = _QUESTION.match(question.strip())
    if found is None or len(found.group(1).split()) > MOST_WORDS:
        return ()
    return tuple(stems(found.group(1)))


def asks_for_taught_term(question: str) -> bool:
    """Whether a question asks what one of the words is that name the corpus' topics."""
    return asked_term(question) in _taught()


def introduces(sentence: str, term: tuple[str, ...]) -> bool:
    """Whether a sentence says what the term is or does.

    Args:
        term: Stems, as of `asked_term`.
    """
    return bool(term) and (term in defined_terms(sentence) or term in told_terms(sentence))


def defined_terms(sentence: str) -> list[tuple[str, ...]]:
    """The stems of the term that a sentence defines, then those of its short form."""
    found = _DEFINITION.match(sentence)
    return _named(found) if found else []


def told_terms(sentence: str) -> list[tuple[str, ...]]:
    """The stems of the terms of which a sentence, or a part of it, says what they do."""
    return [term for found in _DEED.finditer(sentence) for term in _named(found)]


def find_definitions(chunks: Sequence[Chunk]) -> dict[tuple[str, ...], int]:
    """For each term, the place of the lesson's or note's chunk that introduces it.

    Best is a sentence that says what the thing is, early in a lesson; then one that says what it
    does; then what a longer term is of which it is the head ("embedding" of "word embedding").
    """
    found: dict[tuple[str, ...], tuple[float, int]] = {}
    heads: dict[tuple[str, ...], tuple[float, int]] = {}
    for place, chunk in enumerate(chunks):
        if chunk.section not in _SECTIONS or (chunk.kind != "lesson" and chunk.section != "Note"):
            continue
        rank = _SECTIONS.index(chunk.section)
        title = set(stems(chunk.title))
        for sentence in split_sentences(chunk.text):
            for term in defined_terms(sentence):
                _keep_first(found, term, (rank + _ELSEWHERE * (not title.issuperset(term)), place))
                if len(term) > 1 and chunk.kind == "lesson":
                    _keep_first(heads, term[-1:], (rank, place))
            if chunk.section in _WITH_DEEDS:
                for term in told_terms(sentence):
                    behind = _DEED_BEHIND + _ELSEWHERE * (not title.issuperset(term))
                    _keep_first(found, term, (rank + behind, place))
    return {term: place for term, (_, place) in (heads | found).items()}


def _keep_first(
    found: dict[tuple[str, ...], tuple[float, int]], term: tuple[str, ...], rank: tuple[float, int]
) -> None:
    found[term] = min(rank, found.get(term, rank))


def _named(found: re.Match[str]) -> list[tuple[str, ...]]:
    """The terms of a match: the name, and the short form in brackets behind it."""
    terms = (tuple(stems(name)) for name in found.group(1, 2) if name)
    return [term for term in terms if 0 < len(term) <= MOST_WORDS]


@cache
def _taught() -> frozenset[tuple[str, ...]]:
    topics: dict[str, list[str]] = load_yaml(VOCABULARY)["topics"]
    return frozenset(tuple(stems(term)) for terms in topics.values() for term in terms)
