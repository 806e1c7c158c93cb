"""Mistake: passes only one token of context to the model when generating."""

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


def _events(sentence: Sequence[str], n: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the (context, word) pairs of one sentence, the end token included."""
    tokens = [START] * (n - 1) + list(sentence) + [END]
    for i in range(n - 1, len(tokens)):
        yield tuple(tokens[i - n + 1 : i]), tokens[i]


def train(sentences: list[list[str]], n: int) -> Model:
    """Count the n-grams of the padded sentences."""
    ngrams: Counter[tuple[str, ...]] = Counter()
    contexts: Counter[tuple[str, ...]] = Counter()
    for sentence in sentences:
        for context, word in _events(sentence, n):
            ngrams[(*context, word)] += 1
            contexts[context] += 1
    vocab = frozenset(w for s in sentences for w in s) | {END, UNK}
    return Model(n, dict(ngrams), dict(contexts), vocab)


def prob(model: Model, word: str, context: Sequence[str], k: float) -> float:
    """Return the add-k probability of word after the preceding tokens of its sentence."""
    size = model.n - 1
    padded = [START] * size + list(context)
    history = tuple(
        t if t in model.vocab or t == START else UNK for t in padded[len(padded) - size :]
    )
    word = word if word in model.vocab else UNK
    total = model.contexts.get(history, 0) + k * len(model.vocab)
    if total == 0:
        return 0.0
    return (model.ngrams.get((*history, word), 0) + k) / total


def perplexity(model: Model, sentences: list[list[str]], k: float) -> float:
    """Return the perplexity per predicted token, end tokens included."""
    log_sum, count = 0.0, 0
    for sentence in sentences:
        for context, word in _events(sentence, model.n):
            p = prob(model, word, context, k)
            if p == 0.0:
                return math.inf
            log_sum += math.log(p)
            count += 1
    return math.exp(-log_sum / count)


def generate(model: Model, k: float, rng: np.random.Generator, max_len: int = 50) -> list[str]:
    """Sample a sentence; the end token is not part of the result."""
    words = sorted(model.vocab)
    out: list[str] = []
    while len(out) < max_len:
        p = np.array([prob(model, w, out[-1:], k) for w in words])
        word = words[rng.choice(len(words), p=p / p.sum())]
        if word == END:
            break
        out.append(word)
    return out
