"""Starter: principal component analysis. Fill in the functions."""

from __future__ import annotations

import numpy as np


def fit(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (mean (d,), components (k, d), variances (k,)), largest variance first."""
    raise NotImplementedError("Write fit.")


def transform(X: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Return the coordinates of the centered rows of X, shape (n, k)."""
    raise NotImplementedError("Write transform.")


def inverse_transform(Z: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Return the reconstruction in the original coordinates, shape (n, d)."""
    raise NotImplementedError("Write inverse_transform.")


def explained_variance_ratio(X: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the total variance that each of the first k components explains."""
    raise NotImplementedError("Write explained_variance_ratio.")


def reconstruction_error(X: np.ndarray, k: int) -> float:
    """Return the mean squared distance of the rows to their reconstructions."""
    raise NotImplementedError("Write reconstruction_error.")
