"""How far a text makes the points of a rubric: words, meaning, polarity and numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tutor.exercises.screening import sentences

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

# Cosine similarities of short English texts under MiniLM-like models: unrelated, and the same.
_UNRELATED, _SAME = 0.25, 0.75
_ASKED_WEIGHT = 0.35  # of a rubric word that the question itself contains
# Set on the sample answers of the item bank: few people use all of a reference's words.
_ENOUGH = 0.6  # share of a point's words at which the point counts as made
_SHORT, _LONG = 30, 3  # words a reference has at least; how many times its length is still fine
_CONTRADICTED = 0.4  # what is left of a point that the answer seems to turn round
_TURNED = 0.6  # what an answer loses at most if all its points are turned round

STOP_WORDS = frozenset(
    "a an the and or but if then than so because while of to in on at by for from with as is are"
    " was were be been"
    " being has have had do does did can could will would may might must should it its they them"
    " their this that"
    " these those which who what when where how why we you i he she all each every also into over"
    " through about"
    " there here both such same other explain describe versus vs per one two any some just"
    " very".split()
)
_NEGATIONS = frozenset(
    "not no never nor none cannot without neither nothing n't instead fails lacks"
    " unnecessary".split()
)
_OPPOSITES = (
    ("increas", "decreas"), ("higher", "lower"), ("high", "low"), ("more", "less"),
    ("larg", "small"),
    ("faster", "slower"), ("before", "after"), ("alway", "never"), ("maxim", "minim"),
    ("row", "column"),
    ("encod", "decod"), ("left", "right"), ("linear", "quadrat"), ("supervis", "unsupervis"),
    ("with", "without"),
    ("same", "differ"), ("add", "subtract"), ("first", "last"), ("forward", "backward"),
    ("overfit", "underfit"),
    ("rare", "frequent"), ("similar", "dissimilar"), ("discard", "keep"), ("freez", "updat"),
    ("grow", "shrink"),
)  # fmt: skip
_SYNONYMS = (
    "repeat loop repetit again duplic copi", "maxim best likeliest", "likeli probabl",
    "chanc probabl",
    "random sampl draw", "remov drop cut discard delet prune exclud truncat dedup", "word token",
    "weight paramet", "big larg huge", "fast quick speed", "slow expens", "mean averag",
    "opposit revers other",
    "deriv gradient slope", "combin merg join concaten", "split divid cut separ",
    "increas grow rise rais",
    "decreas fall shrink drop reduc lower", "equal same ident", "class categori label",
    "group cluster fold",
    "predict output", "context surround neighbour neighbor", "posit order place", "memori ram cach",
    "cost expens price", "error mistak wrong loss", "exampl instanc sampl case",
    "train learn fit", "measur metric evalu score",
    "check test verifi valid", "human person peopl annot", "parallel simultan once",
    "sequenti step",
    "mask hide block", "vector embed represent", "previous past earlier preced",
    "next follow futur later",
    "multipli product times", "sum add total", "number count amount", "small few tini littl",
    "rare unseen uncommon",
    "bigger larger", "guess predict", "limit bound cap restrict", "fix repair remedi",
    "store save keep",
    "hallucin invent fabric made", "cite citat sourc", "doc document text",
    "share fraction portion proport",
    "adapt finetun", "rnn recurr", "cnn convolut", "llm model network", "penal punish",
    "compress squeez",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """What came of one rubric point.

    Attributes:
        text: The rubric point.
        words: Share of its words that one stretch of the answer holds, 0 to 1.
        meaning: Similarity of its meaning to that of the nearest stretch, 0 to 1; None without
            embeddings.
        contradicted: Whether the nearest sentence says the opposite or gives another number.
    """

    text: str
    words: float
    meaning: float | None
    contradicted: bool

    @property
    def credit(self) -> float:
        """How far the point is made, 0 to 1."""
        share = self.words if self.meaning is None else (self.words + self.meaning) / 2
        # Polarity is read from words alone and errs often enough to cost most of a point, not all.
        return min(1.0, share / _ENOUGH) * (_CONTRADICTED if self.contradicted else 1.0)


@dataclass(frozen=True)
class Comparison:
    """An answer beside its reference.

    Attributes:
        points: One entry a rubric point.
        focus: 1, and less the more an answer outgrows its reference: enough words hold any word.
    """

    points: tuple[Point, ...]
    focus: float

    @property
    def ceiling(self) -> float:
        """What the answer is worth at most: shared words must not carry one that says the
        opposite, nor one that buries them."""
        turned = sum(point.contradicted for point in self.points) / len(self.points)
        return self.focus * (1 - _TURNED * turned)


def compare(
    answer: str,
    prompt: str,
    reference: str,
    rubric: Sequence[str],
    embedder: Embedder | None = None,
) -> Comparison:
    """Compare an answer with a reference, point by point.

    Args:
        rubric: The points to make; empty takes the reference's own sentences.
    """
    points = list(rubric) or reference_points(reference)
    parts = sentences(answer)
    windows = parts + [f"{a} {b}" for a, b in zip(parts, parts[1:], strict=False)]
    if len(parts) > 2:
        windows.append(answer)
    asked = set(stems(prompt))
    answered = [set(stems(window)) for window in windows]
    meaning: list[list[float]] | None = None
    if embedder is not None:
        vectors = embedder.embed([*points, *windows])
        similarity = vectors[: len(points)] @ vectors[len(points) :].T
        meaning = [[_scaled(float(value)) for value in row] for row in similarity]
    found = []
    for number, point in enumerate(points):
        shares = [share_of(stems(point), words, asked) for words in answered]
        near = meaning[number] if meaning else shares
        best = max(range(len(windows)), key=lambda i: shares[i] + near[i])
        # Polarity is judged where the point is said: in the single sentence nearest to it.
        sentence = max(range(len(parts)), key=lambda i: shares[i] + near[i])
        found.append(
            Point(
                point,
                max(shares),
                near[best] if meaning else None,
                shares[sentence] >= 0.4 and contradicts(parts[sentence], point),
            )
        )
    expected = max(_SHORT, len(" ".join([reference, *points]).split()))
    focus = min(1.0, _LONG * expected / max(1, len(answer.split())))
    return Comparison(tuple(found), focus)


def reference_points(reference: str) -> list[str]:
    """The statements of a reference answer that comes without a rubric, six at most."""
    parts = [part for part in sentences(reference) if len(stems(part)) >= 2]
    return parts[:6] or [reference]


def contradicts(sentence: str, point: str) -> bool:
    """Whether a sentence negates a point, turns it round, or gives other numbers."""
    said, meant = _tokens(sentence), _tokens(point)
    if negations(sentence) % 2 != negations(point) % 2:
        return True
    for one, other in _OPPOSITES:
        for here, there in ((one, other), (other, one)):
            if (
                any(word.startswith(here) for word in meant)
                and not any(word.startswith(here) for word in said)
                and any(word.startswith(there) for word in said)
                and not any(word.startswith(there) for word in meant)
            ):
                return True
    numbers = set(re.findall(r"\d+(?:\.\d+)?", point))
    given = set(re.findall(r"\d+(?:\.\d+)?", sentence))
    return bool(numbers and given and not numbers & given)


def stems(text: str) -> list[str]:
    """The stems of a text's content words, with its numbers."""
    words = [word for word in _tokens(text) if word not in STOP_WORDS and word not in _NEGATIONS]
    return [stem for stem in _stemmer().stemWords(words) if stem]


def _tokens(text: str) -> list[str]:
    text = text.lower().replace("’", "'")
    text = re.sub(r"n't\b", " not", text.replace("can't", "cannot"))
    return re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+(?:'(?!s\b)[^\W\d_]+)?|\|", text)


def negations(text: str) -> int:
    """How many words of a text negate."""
    return sum(word in _NEGATIONS for word in _tokens(text))


def _scaled(cosine: float) -> float:
    return min(1.0, max(0.0, (cosine - _UNRELATED) / (_SAME - _UNRELATED)))


def share_of(wanted: Sequence[str], given: set[str], asked: set[str]) -> float:
    """Share of the wanted stems among the given ones; a stem of the question counts less."""
    weights = {stem: _ASKED_WEIGHT if stem in asked else 1.0 for stem in wanted}
    total = sum(weights.values())
    return sum(w * _found(stem, given) for stem, w in weights.items()) / total if total else 0.0


def _found(stem: str, given: set[str]) -> float:
    if stem in given:
        return 1.0
    if any(other in given for other in _related().get(stem, ())):
        return 0.8
    return 0.8 if any(_misspelt(stem, other) for other in given) else 0.0


def _misspelt(stem: str, other: str) -> bool:
    from rapidfuzz.distance import DamerauLevenshtein

    if min(len(stem), len(other)) < 5 or stem[0] != other[0]:
        return False
    if stem.startswith(other) or other.startswith(stem):
        return True
    return DamerauLevenshtein.distance(stem, other, score_cutoff=1) <= (len(stem) >= 6)


@cache
def _related() -> dict[str, set[str]]:
    table: dict[str, set[str]] = {}
    for group in _SYNONYMS:
        words = set(group.split())
        for word in words:
            table.setdefault(word, set()).update(words - {word})
    return table


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
