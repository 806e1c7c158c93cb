"""Questions that compare papers: each of them is searched by itself.

One search for "How do LoRA and QLoRA differ in memory?" finds the paper that says more about memory
and may leave the other out; an answer from that would compare nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING

from corpus.loading import load_yaml
from tutor.ingest.terms import VOCABULARY
from tutor.retrieve.words import stems

if TYPE_CHECKING:
    from tutor.retrieve.retriever import Passage, Retrieval, Retriever

MOST = 4  # papers that one answer compares
EACH = 3  # passages taken from each
_COMPARES = re.compile(
    r"\b(?:compar\w+|contrast\w*|differ\w*|versus|vs\.?|unlike|distinguish\w*|in common|similar\w*|"
    r"both|tell apart|(?:better|worse|larger|smaller|faster|slower|more|less|fewer) than|"
    r"which of|relat\w+ (?:to|between))(?!\w)",
    re.IGNORECASE,
)

_ASKS = re.compile(r"\b(?:papers?|articles?|authors?|way|approach\w*|methods?)\b", re.IGNORECASE)


def compared_papers(question: str, titles: Mapping[str, str]) -> tuple[str, ...]:
    """The papers that a question compares, in the order of their mention; else nothing.

    Args:
        question: The learner's words.
        titles: Titles of the papers that there are, by doc_id.
    """
    if not _COMPARES.search(question):
        return ()
    places: dict[str, tuple[int, int]] = {}
    for doc_id, title in titles.items():
        for name in _names(doc_id, title):
            found = _pattern(name).search(question)
            if found and (doc_id not in places or found.start() < places[doc_id][0]):
                places[doc_id] = found.span()
    # The longest name at a place counts: "GPT-2" is no question about GPT.
    named = sorted(places, key=lambda doc_id: (places[doc_id][0], -places[doc_id][1]))
    chosen: list[str] = []
    for doc_id in named:
        if not chosen or places[doc_id][0] >= places[chosen[-1]][1]:
            chosen.append(doc_id)
    return tuple(chosen[:MOST]) if len(chosen) > 1 else ()


def with_compared(retriever: Retriever, question: str, retrieval: Retrieval) -> Retrieval:
    """Put passages of each compared paper first, in turn; unchanged where none are compared.

    A lesson that was found first stays there: it often speaks of both.
    """
    if not _COMPARES.search(question):
        return retrieval
    titles = {chunk.doc_id: chunk.title for chunk in retriever.chunks if chunk.kind == "paper"}
    papers = compared_papers(question, titles)
    if not papers:
        return retrieval
    found = [retriever.search(question, EACH, paper=doc_id).passages for doc_id in papers]
    turns = [[p for p in turn if p is not None] for turn in zip_longest(*found)]
    if not turns:
        return retrieval
    top = max([p.score for p in retrieval.passages] or [1.0])
    lesson = [p for p in retrieval.passages[:1] if p.kind == "lesson"]
    # Scores of several searches don't compare.
    ordered = [*lesson, *(p for turn in turns for p in turn)]
    first = {p.key: replace(p, score=top) for p in ordered}
    others = [p for p in retrieval.passages if p.key not in first]
    coverage = max(retrieval.coverage, _covered(question, first.values()))
    return replace(retrieval, passages=(*first.values(), *others), coverage=coverage)


def _covered(question: str, passages: Iterable[Passage]) -> float:
    """Share of what is asked that the papers hold together: no single passage speaks of both."""
    asked = set(stems(_ASKS.sub(" ", _COMPARES.sub(" ", question))))
    told = {stem for p in passages for stem in stems(f"{p.title} {p.text}")}
    return len(asked & told) / len(asked) if asked else 1.0


def _names(doc_id: str, title: str) -> tuple[str, ...]:
    """A paper's title, its nicknames, and the name before its colon ("LoRA: Low-Rank …")."""
    short, colon, _ = title.partition(":")
    coined = colon and len(short.split()) <= 3 and len(short) >= 3
    return (title, *((short,) if coined else ()), *_nicknames().get(doc_id, ()))


@cache
def _nicknames() -> dict[str, tuple[str, ...]]:
    named: dict[str, list[str]] = load_yaml(VOCABULARY)["papers"]
    return {f"arxiv:{paper}": tuple(map(str, names)) for paper, names in named.items()}


@cache
def _pattern(name: str) -> re.Pattern[str]:
    spaced = r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]+", name.strip()) if word)
    return re.compile(rf"(?<![\w-]){spaced}(?![\w-])", re.IGNORECASE)
