"""Starter: six array functions without loops. Fill them in."""

from __future__ import annotations

import numpy as np


def fill_missing(X: np.ndarray) -> np.ndarray:
    """Return X (n, d) with each nan replaced by its column's median, or 0 where none is known."""
    raise NotImplementedError("Write fill_missing.")


def standardize(X: np.ndarray) -> np.ndarray:
    """Return X (n, d) with columns of mean 0 and standard deviation 1; constant ones become 0."""
    raise NotImplementedError("Write standardize.")


def distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances of all rows of A (n, d) and B (m, d), shape (n, m)."""
    raise NotImplementedError("Write distances.")


def one_hot(labels: np.ndarray, k: int) -> np.ndarray:
    """Return the rows of the k x k identity that the labels (n,) name, shape (n, k)."""
    raise NotImplementedError("Write one_hot.")


def moving_average(x: np.ndarray, w: int) -> np.ndarray:
    """Return the means of all windows of w neighbors, shape (len(x) - w + 1,)."""
    raise NotImplementedError("Write moving_average.")


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of the k largest scores of each row, best first, ties leftmost first."""
    raise NotImplementedError("Write top_k.")
