"""Starter: n-gram language model with add-k smoothing. Fill in the functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

START, END, UNK = "<s>", "</s>", "<unk>"


@dataclass
class Model:
    """Counts of an n-gram model."""

    n: int
    ngrams: dict[tuple[str, ...], int]
    contexts: dict[tuple[str, ...], int]
    vocab: frozenset[str]


def train(sentences: list[list[str]], n: int) -> Model:
    """Count the n-grams of the padded sentences."""
    raise NotImplementedError("Write train.")


def prob(model: Model, word: str, context: Sequence[str], k: float) -> float:
    """Return the add-k probability of word after the preceding tokens of its sentence."""
    raise NotImplementedError("Write prob.")


def perplexity(model: Model, sentences: list[list[str]], k: float) -> float:
    """Return the perplexity per predicted token, end tokens included."""
    raise NotImplementedError("Write perplexity.")


def generate(model: Model, k: float, rng: np.random.Generator, max_len: int = 50) -> list[str]:
    """Sample a sentence; the end token is not part of the result."""
    raise NotImplementedError("Write generate.")
