"""Mistake: looks for gaps with ==, which finds none."""

from __future__ import annotations

import numpy as np


def fill_missing(X: np.ndarray) -> np.ndarray:
    """Return X (n, d) with each nan replaced by its column's median, or 0 where none is known."""
    missing = X == np.nan
    empty = missing.all(axis=0)
    medians = np.nanmedian(np.where(empty, 0.0, X), axis=0)
    return np.where(missing, medians, X)


def standardize(X: np.ndarray) -> np.ndarray:
    """Return X (n, d) with columns of mean 0 and standard deviation 1; constant ones become 0."""
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances of all rows of A (n, d) and B (m, d), shape (n, m)."""
    return np.sqrt(((A[:, None, :] - B[None, :, :]) ** 2).sum(axis=2))


def one_hot(labels: np.ndarray, k: int) -> np.ndarray:
    """Return the rows of the k x k identity that the labels (n,) name, shape (n, k)."""
    return np.eye(k)[labels]


def moving_average(x: np.ndarray, w: int) -> np.ndarray:
    """Return the means of all windows of w neighbors, shape (len(x) - w + 1,)."""
    return np.convolve(x, np.ones(w) / w, mode="valid")


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of the k largest scores of each row, best first, ties leftmost first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]
