"""Whether an answer's words stand in an order at all: a reference's words shuffled are no answer.

Two signs have to meet. Words that the answer shares with the reference are no neighbours there;
and the answer's neighbouring words go together no better than two of its words picked at random.
The second sign is a permutation test: what follows what in English is counted by classes of words
in the lessons. Neither sign alone will do, as good answers are told in other words, or in notes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from itertools import pairwise

from corpus.lessons import load_lessons
from tutor.exercises.rubric import stems
from tutor.exercises.screening import FUNCTION_WORDS

# Set on the bank's samples and on answers that people scored; docs/grading.md gives the counts.
_NEIGHBOURS = 0.55  # share of neighbours that stay near each other in the reference: below is odd
_SOME, _MUCH = 0.25, 0.5  # share of the reference's stems that the answer holds
_CHANCE, _LOOSE = 1.0, 2.2  # standard deviations of order below which some, or much, is shuffled
_NEAR = 3  # places between two stems of the reference that count as near
_FEWEST, _GRAMMAR = 10, 0.25  # words, and share of function words, of a text that has an order
_MOST = 150
_FREQUENT = 100  # words that are a class of their own; the others go by their ending
_SMOOTHING = 2.0

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_NOT_PROSE = re.compile(
    r"(?s)```.*?(?:```|$)|`[^`]*`|\$\$.*?(?:\$\$|$)|\$[^$]*\$|\]\([^)]*\)|\\[a-z]+"
    r"|\S*[_^{}=\\/<>|]\S*|\b[b-hj-z]\b|\d+"
)
_ENDINGS = (
    "isation", "ization", "tions", "tion", "sion", "ness", "ments", "ment", "ities", "ity",
    "ances", "ance", "ences", "ence", "ingly", "ing", "edly", "ed", "ly", "ous", "ive", "able",
    "ible", "al", "ic", "ers", "er", "ors", "or", "est", "ies", "es", "ss", "s", "y", "e",
)  # fmt: skip


def shuffled(answer: str, reference: str) -> bool:
    """Whether an answer is made of the reference's words in no order."""
    held, kept = _shared(stems(answer), stems(reference))
    if held <= _SOME or kept >= _NEIGHBOURS:
        return False
    order = order_of(answer)
    return order is not None and order < (_LOOSE if held > _MUCH else _CHANCE)


def order_of(text: str) -> float | None:
    """How much better neighbouring words go together than in the same words shuffled.

    Returns:
        Standard deviations: about 0 for shuffled words, 2 to 8 for prose. None where the text is
        too short, or too much of a list, to have an order.
    """
    words = _words(text)[:_MOST]
    grammar = sum(word in FUNCTION_WORDS for word in words)
    if len(words) < _FEWEST or grammar < _GRAMMAR * len(words):
        return None
    classes = [_class_of(word) for word in words]
    counts = Counter(classes)
    total = squares = 0.0
    for one, many in counts.items():
        for other, others in counts.items():
            ways = many * (others - (one == other))
            total += ways * _attraction(one, other)
            squares += ways * _attraction(one, other) ** 2
    ways = len(classes) * (len(classes) - 1)
    mean = total / ways
    deviation = math.sqrt(max(0.0, squares / ways - mean**2)) + 1e-6
    pairs = [_attraction(one, other) for one, other in pairwise(classes)]
    return (sum(pairs) / len(pairs) - mean) / deviation * math.sqrt(len(pairs))


def _shared(said: list[str], meant: list[str]) -> tuple[float, float]:
    """Share of the reference's stems in the answer; share of its neighbours that are near there."""
    common = set(said) & set(meant)
    theirs = [stem for stem in meant if stem in common]
    near = {pair for gap in range(1, _NEAR + 1) for pair in zip(theirs, theirs[gap:], strict=False)}
    ours = {pair for pair in pairwise(stem for stem in said if stem in common)}
    held = len(common) / max(1, len(set(meant)))
    return held, len(ours & near) / max(1, len(ours))


def _words(text: str) -> list[str]:
    return _WORD.findall(_NOT_PROSE.sub(" ", text.lower()))


@cache
def _attraction(one: str, other: str) -> float:
    """Pointwise mutual information (Church and Hanks, 1990) of two neighbouring classes."""
    single, pairs = _counts()
    expected = single[one] * single[other] / max(1, single.total())
    return math.log((pairs[one, other] + _SMOOTHING) / (expected + _SMOOTHING))


@cache
def _counts() -> tuple[Counter[str], Counter[tuple[str, str]]]:
    single: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for sentence in _sentences():
        classes = [_class_of(word) for word in sentence]
        single.update(classes)
        pairs.update(pairwise(classes))
    return single, pairs


@cache
def _class_of(word: str) -> str:
    if word in _frequent():
        return word
    ending = next((e for e in _ENDINGS if word.endswith(e) and len(word) > len(e) + 2), "")
    return f"-{ending}"


@cache
def _frequent() -> frozenset[str]:
    counts = Counter(word for sentence in _sentences() for word in sentence)
    return frozenset(word for word, _ in counts.most_common(_FREQUENT))


@cache
def _sentences() -> tuple[tuple[str, ...], ...]:
    """The words of each sentence of the lessons."""
    text = "\n".join(lesson.markdown for lesson in load_lessons().values())
    plain = _NOT_PROSE.sub(" ", text.lower())
    return tuple(tuple(_WORD.findall(part)) for part in re.split(r"[.!?\n]+", plain))
