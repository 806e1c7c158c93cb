"""Starter: k-means with k-means++ seeding and restarts. Fill in the functions."""

from __future__ import annotations

import numpy as np


def assign(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return the index of the nearest centroid for each point, shape (n,); ties: lowest index."""
    raise NotImplementedError("Write assign.")


def update(X: np.ndarray, labels: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return the mean of each cluster, shape (k, d); an empty cluster keeps its row of C."""
    raise NotImplementedError("Write update.")


def inertia(X: np.ndarray, C: np.ndarray, labels: np.ndarray) -> float:
    """Return the sum of squared distances of the points to their own centroids."""
    raise NotImplementedError("Write inertia.")


def kmeans_plus_plus(X: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return k seeds, shape (k, d): each drawn with probability proportional to D(x)^2."""
    raise NotImplementedError("Write kmeans_plus_plus.")


def fit(
    X: np.ndarray, k: int, rng: np.random.Generator, max_iter: int = 100, n_init: int = 1
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (C, labels, inertia) of the best of n_init runs."""
    raise NotImplementedError("Write fit.")
