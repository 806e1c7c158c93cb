"""Starter: multinomial naive Bayes with add-one smoothing. Fill in the functions."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np


def tokenize(text: str) -> list[str]:
    """Return the lower-cased maximal runs of a-z and the apostrophe."""
    raise NotImplementedError("Write tokenize.")


def fit(texts: list[str], labels: list[str]) -> dict:
    """Return classes, vocab, log_prior (K,) and log_likelihood (K, V)."""
    raise NotImplementedError("Write fit.")


def log_scores(model: dict, texts: list[str]) -> np.ndarray:
    """Return log P(c) + sum of log P(w | c), shape (len(texts), K)."""
    raise NotImplementedError("Write log_scores.")


def posterior(model: dict, texts: list[str]) -> np.ndarray:
    """Return P(c | text), shape (len(texts), K); rows sum to 1."""
    raise NotImplementedError("Write posterior.")


def predict(model: dict, texts: list[str]) -> list[str]:
    """Return the best class of each text; ties go to the first class."""
    raise NotImplementedError("Write predict.")


def majority(labels: list[str], n: int) -> list[str]:
    """Return the most frequent label n times; ties go to the alphabetically first."""
    raise NotImplementedError("Write majority.")


def macro_f1(gold: list[str], predicted: list[str]) -> float:
    """Return the mean F1 over the classes of gold."""
    raise NotImplementedError("Write macro_f1.")
