"""Mistake: measures D(x) to the last seed, not to the nearest one."""

from __future__ import annotations

import numpy as np


def _squared_distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return the (n, k) matrix of squared Euclidean distances."""
    diff = X[:, None, :] - C[None, :, :]
    return np.sum(diff**2, axis=2)


def assign(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return the index of the nearest centroid for each point, shape (n,); ties: lowest index."""
    return np.argmin(_squared_distances(X, C), axis=1)


def update(X: np.ndarray, labels: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return the mean of each cluster, shape (k, d); an empty cluster keeps its row of C."""
    new = np.array(C, dtype=float)
    for j in range(len(new)):
        members = X[labels == j]
        if len(members):
            new[j] = members.mean(axis=0)
    return new


def inertia(X: np.ndarray, C: np.ndarray, labels: np.ndarray) -> float:
    """Return the sum of squared distances of the points to their own centroids."""
    return float(np.sum((X - C[labels]) ** 2))


def kmeans_plus_plus(X: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return k seeds, shape (k, d): each drawn with probability proportional to D(x)^2."""
    X = np.asarray(X, dtype=float)
    n = len(X)
    chosen = [X[rng.integers(n)]]
    for _ in range(1, k):
        d2 = _squared_distances(X, np.array(chosen[-1:])).min(axis=1)
        total = d2.sum()
        p = d2 / total if total > 0 else None  # None draws uniformly
        chosen.append(X[rng.choice(n, p=p)])
    return np.array(chosen)


def fit(
    X: np.ndarray, k: int, rng: np.random.Generator, max_iter: int = 100, n_init: int = 1
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (C, labels, inertia) of the best of n_init runs."""
    best = None
    for _ in range(n_init):
        C = kmeans_plus_plus(X, k, rng)
        labels = assign(X, C)
        for _ in range(max_iter):
            C = update(X, labels, C)
            old, labels = labels, assign(X, C)
            if np.array_equal(old, labels):
                break
        cost = inertia(X, C, labels)
        if best is None or cost < best[2]:
            best = (C, labels, cost)
    return best
