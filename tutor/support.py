"""Does a passage support a sentence? Checked in code: words, numbers, negation, meaning.

A sentence is supported when one passage holds most of its content words close together, all of
its numbers, and the same polarity. Similar meaning (cosine of embeddings) lowers how many words
must agree, but never excuses a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tutor.ingest.sentences import split_sentences
from tutor.retrieve import Passage, stems

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

COVERAGE = 0.7  # share of content stems that a window of two sentences must hold …
COVERAGE_SIMILAR = 0.4  # … or this much, where the meaning is as close as
SIMILAR = 0.75  # this cosine
FEWEST_STEMS = 4  # a sentence with fewer content words says nothing that could be checked
EMBEDDED = 4  # windows a sentence is compared with by meaning: embedding costs time
_NUMBER = re.compile(r"(?<![\w.])(?:\d+(?:[.,]\d+)*|\.\d+)")
_NEGATION = re.compile(r"\b(?:not|no|never|without|cannot|neither|nor|fails?|unable)\b|n't\b", re.I)
_MISCONCEPTION = re.compile(r"\*\*Misconception\.\*\*.*?(?=\*\*Correction\.\*\*|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Support:
    """The passage that supports a sentence best.

    Attributes:
        passage: Index into the passages.
        quote: The window of the passage that holds the evidence.
        score: 0..1.
        supported: Whether the evidence is enough.
    """

    passage: int
    quote: str
    score: float
    supported: bool


def numbers(text: str) -> set[str]:
    """The numbers in a text, without thousands separators and trailing zeros."""
    found = set()
    for match in _NUMBER.findall(text):
        plain = match.replace(",", "")
        plain = f"0{plain}" if plain.startswith(".") else plain
        found.add(plain.rstrip("0").rstrip(".") if "." in plain else plain)
    return found


def negated(text: str) -> bool:
    """Whether a sentence denies something; two denials are taken to cancel out."""
    return len(_NEGATION.findall(text)) % 2 == 1


def claims(text: str) -> str:
    """What a text asserts: a lesson names misconceptions, and those are no evidence."""
    return _MISCONCEPTION.sub("", text).replace("**Correction.**", "")


def windows(text: str) -> list[str]:
    """Each sentence that a text asserts, and each two neighbours."""
    sentences = split_sentences(claims(text))
    return sentences + [f"{a} {b}" for a, b in zip(sentences, sentences[1:], strict=False)]


class SupportChecker:
    """Checks sentences against the passages of one turn.

    Args:
        passages: What was retrieved.
        embedder: Adds the check of meaning; None leaves the check of words.
    """

    def __init__(self, passages: Sequence[Passage], embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self._windows = [
            (i, window, frozenset(stems(window)))
            for i, passage in enumerate(passages)
            for window in windows(passage.text)
        ]
        self._numbers = [numbers(f"{p.title} {p.section} {p.text}") for p in passages]
        self._titles = [frozenset(stems(f"{p.title} {p.section}")) for p in passages]

    def check(self, sentence: str) -> Support | None:
        """The best support of a sentence, or None where nothing comes near."""
        wanted = frozenset(stems(sentence))
        if len(wanted) < FEWEST_STEMS:
            return None
        figures, denies = numbers(sentence), negated(sentence)
        found: list[Support] = []
        for i, window, vocabulary in self._windows:
            # A passage's title counts as said: its sentences seldom repeat their subject.
            coverage = len(wanted & (vocabulary | self._titles[i])) / len(wanted)
            own = len(wanted & vocabulary) / len(wanted)
            agrees = figures <= self._numbers[i] and denies == negated(window)
            enough = coverage >= COVERAGE and own >= COVERAGE_SIMILAR
            found.append(Support(i, window, round(coverage, 3), agrees and enough))
        found.sort(key=lambda support: (support.supported, support.score), reverse=True)
        if not found or found[0].supported or self._embedder is None:
            return found[0] if found else None
        return self._by_meaning(sentence, found)

    def _by_meaning(self, sentence: str, found: Sequence[Support]) -> Support:
        """Second chance for the windows that share fewer words: only those few are embedded."""
        assert self._embedder is not None
        figures, denies = numbers(sentence), negated(sentence)
        near = [
            support
            for support in found
            if support.score >= COVERAGE_SIMILAR
            and figures <= self._numbers[support.passage]
            and denies == negated(support.quote)
        ][:EMBEDDED]
        if not near:
            return found[0]
        vectors = self._embedder.embed([sentence, *(support.quote for support in near)])
        cosine = vectors[1:] @ vectors[0]
        best = int(cosine.argmax())
        return replace(near[best], supported=bool(cosine[best] >= SIMILAR))
