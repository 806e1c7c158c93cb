"""Mistake: centers the caller's array in place."""

from __future__ import annotations

import numpy as np


def fit(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (mean (d,), components (k, d), variances (k,)), largest variance first."""
    X = np.asarray(X, dtype=float)
    mean = X.mean(axis=0)
    X -= mean
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    components = Vt[:k]
    # fix the signs: the entry with the largest absolute value becomes positive
    biggest = components[np.arange(k), np.abs(components).argmax(axis=1)]
    components = components * np.sign(biggest)[:, None]
    variances = s[:k] ** 2 / (len(X) - 1)
    return mean, components, variances


def transform(X: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Return the coordinates of the centered rows of X, shape (n, k)."""
    return (X - mean) @ components.T


def inverse_transform(Z: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Return the reconstruction in the original coordinates, shape (n, d)."""
    return Z @ components + mean


def explained_variance_ratio(X: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the total variance that each of the first k components explains."""
    _, _, variances = fit(X, k)
    total = np.var(X, axis=0, ddof=1).sum()
    return variances / total


def reconstruction_error(X: np.ndarray, k: int) -> float:
    """Return the mean squared distance of the rows to their reconstructions."""
    mean, components, _ = fit(X, k)
    X_hat = inverse_transform(transform(X, mean, components), mean, components)
    return float(np.mean(np.sum((X - X_hat) ** 2, axis=1)))
