"""Mistake: ignores how often a term occurs in the document."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np


def tokenize(text: str) -> list[str]:
    """Return the lower-cased maximal runs of a-z and 0-9."""
    return re.findall(r"[a-z0-9]+", text.lower())


def fit(texts: list[str]) -> tuple[dict[str, int], np.ndarray]:
    """Return (vocab: term -> column in alphabetical order, smoothed idf of shape (V,))."""
    df = Counter(term for text in texts for term in set(tokenize(text)))
    terms = sorted(df)
    vocab = {term: i for i, term in enumerate(terms)}
    counts = np.array([df[term] for term in terms], dtype=float)
    idf = np.log((1.0 + len(texts)) / (1.0 + counts)) + 1.0
    return vocab, idf


def vectorize(texts: list[str], vocab: dict[str, int], idf: np.ndarray) -> np.ndarray:
    """Return the (len(texts), V) matrix of unit TF-IDF rows; rows without known terms are zero."""
    M = np.zeros((len(texts), len(vocab)))
    for row, text in enumerate(texts):
        for term, count in Counter(tokenize(text)).items():
            if term in vocab:
                M[row, vocab[term]] = 1.0
    M *= idf
    norms = np.linalg.norm(M, axis=1, keepdims=True)
    return M / np.where(norms > 0, norms, 1.0)


def search(
    query: str, M: np.ndarray, vocab: dict[str, int], idf: np.ndarray, k: int = 5
) -> list[tuple[int, float]]:
    """Return at most k (document, cosine similarity) pairs with similarity above 0, best first."""
    scores = np.round(M @ vectorize([query], vocab, idf)[0], 9)
    ranked = sorted((-score, i) for i, score in enumerate(scores) if score > 0)
    return [(i, float(-negative)) for negative, i in ranked[:k]]


def top_terms(M: np.ndarray, vocab: dict[str, int], doc: int, k: int) -> list[str]:
    """Return the k heaviest terms of a document; ties in alphabetical order, zeros left out."""
    weights = np.round(M[doc], 9)
    ranked = sorted((-weights[col], term) for term, col in vocab.items() if weights[col] > 0)
    return [term for _, term in ranked[:k]]
