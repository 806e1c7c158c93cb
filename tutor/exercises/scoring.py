"""The fitted score of a text answer: ridge regression and small trees, averaged and calibrated.

`python -m finetune.grader` fits it and writes `score.json`; `python -m eval.run grading` measures
it on questions that it was not fitted on. Plain numbers instead of a pickle: nothing in the file
can run, and no library's version matters.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tutor.exercises.alignment import MEANING, WORDS

FILE = Path(__file__).with_name("score.json")


@dataclass(frozen=True)
class Tree:
    """A regression tree as parallel columns; node 0 is the root.

    Attributes:
        feature: The number that a node looks at; -1 at a leaf.
        threshold: A node goes left where the number is at most this.
        left: The node to go on with, and `right` likewise.
        value: What a leaf adds.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    def __call__(self, numbers: Sequence[float]) -> float:
        """The value of the leaf that the numbers lead to."""
        node = 0
        while self.feature[node] >= 0:
            low = numbers[self.feature[node]] <= self.threshold[node]
            node = self.left[node] if low else self.right[node]
        return self.value[node]


@dataclass(frozen=True)
class FittedScore:
    """A score from the numbers of `alignment.describe`.

    Attributes:
        names: The numbers that it takes, in order.
        weights: Of the linear half; one a number, and `intercept`.
        base: What the trees start from.
        slope: Averaging two careful guesses pulls towards the middle; slope and offset set the
            spread of people's scores again.
        borders: Scores at which the confidence changes.
        confidences: Share of verdicts that were right between two borders, on questions that were
            not fitted on; one more than borders.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    base: float
    trees: tuple[Tree, ...]
    slope: float
    offset: float
    borders: tuple[float, ...]
    confidences: tuple[float, ...]

    def raw(self, numbers: Sequence[float]) -> float:
        """The mean of both halves, not yet spread."""
        linear = self.intercept + sum(
            w * number for w, number in zip(self.weights, numbers, strict=True)
        )
        return (linear + self.base + sum(tree(numbers) for tree in self.trees)) / 2

    def __call__(self, found: Mapping[str, float]) -> tuple[float, float]:
        """Score and confidence, both 0 to 1."""
        raw = self.raw([found[name] for name in self.names])
        score = min(1.0, max(0.0, self.offset + self.slope * raw))
        return score, self.confidences[bisect_right(self.borders, score)]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the file; five digits are more than the data can tell."""
        trees = [
            [list(t.feature), _short(t.threshold), list(t.left), list(t.right), _short(t.value)]
            for t in self.trees
        ]
        return {
            "names": list(self.names),
            "weights": _short(self.weights),
            "intercept": round(self.intercept, 5),
            "base": round(self.base, 5),
            "slope": round(self.slope, 5),
            "offset": round(self.offset, 5),
            "borders": _short(self.borders),
            "confidences": _short(self.confidences),
            "trees": trees,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FittedScore:
        """Read what `to_dict` wrote."""
        lists = {name: tuple(data[name]) for name in ("names", "weights", "borders", "confidences")}
        trees = tuple(Tree(*(tuple(column) for column in tree)) for tree in data["trees"])
        return cls(**{**data, **lists, "trees": trees})


def score_of(found: Mapping[str, float]) -> tuple[float, float]:
    """Score and confidence of an answer by the shipped model.

    Args:
        found: What `alignment.describe` says of it, with or without meaning.
    """
    return _shipped()["meaning" if MEANING[-1] in found else "words"](found)


@cache
def _shipped() -> dict[str, FittedScore]:
    data = json.loads(FILE.read_text("utf-8"))
    shipped = {name: FittedScore.from_dict(data[name]) for name in ("words", "meaning")}
    # A file fitted on other numbers would grade nonsense without a word.
    assert shipped["words"].names == WORDS and shipped["meaning"].names == MEANING
    return shipped


def _short(numbers: Sequence[float]) -> list[float]:
    return [round(float(number), 5) for number in numbers]
