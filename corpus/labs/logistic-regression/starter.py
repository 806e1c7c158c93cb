"""Starter: numerically stable binary logistic regression. Fill in the functions."""

from __future__ import annotations

import numpy as np


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)) elementwise, without overflow for any z."""
    raise NotImplementedError("Write sigmoid.")


def loss(X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, l2: float = 0.0) -> float:
    """Return the mean log loss plus l2 / 2 * ||w||^2, exact for large logits."""
    raise NotImplementedError("Write loss.")


def gradient(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, l2: float = 0.0
) -> tuple[np.ndarray, float]:
    """Return the derivatives (gw of shape (d,), gb) of the loss."""
    raise NotImplementedError("Write gradient.")


def fit(
    X: np.ndarray, y: np.ndarray, lr: float, steps: int, l2: float = 0.0
) -> tuple[np.ndarray, float]:
    """Run full-batch gradient descent from zeros; return (w, b)."""
    raise NotImplementedError("Write fit.")


def predict(X: np.ndarray, w: np.ndarray, b: float, threshold: float = 0.5) -> np.ndarray:
    """Return integer labels: 1 where the probability is at least threshold, else 0."""
    raise NotImplementedError("Write predict.")
