"""Starter: TF-IDF vectors and cosine search. Fill in the functions."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np


def tokenize(text: str) -> list[str]:
    """Return the lower-cased maximal runs of a-z and 0-9."""
    raise NotImplementedError("Write tokenize.")


def fit(texts: list[str]) -> tuple[dict[str, int], np.ndarray]:
    """Return (vocab: term -> column in alphabetical order, smoothed idf of shape (V,))."""
    raise NotImplementedError("Write fit.")


def vectorize(texts: list[str], vocab: dict[str, int], idf: np.ndarray) -> np.ndarray:
    """Return the (len(texts), V) matrix of unit TF-IDF rows; rows without known terms are zero."""
    raise NotImplementedError("Write vectorize.")


def search(
    query: str, M: np.ndarray, vocab: dict[str, int], idf: np.ndarray, k: int = 5
) -> list[tuple[int, float]]:
    """Return at most k (document, cosine similarity) pairs with similarity above 0, best first."""
    raise NotImplementedError("Write search.")


def top_terms(M: np.ndarray, vocab: dict[str, int], doc: int, k: int) -> list[str]:
    """Return the k heaviest terms of a document; ties in alphabetical order, zeros left out."""
    raise NotImplementedError("Write top_terms.")
