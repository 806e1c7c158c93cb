"""Mistake: adds the penalty's derivative to the bias as well."""

from __future__ import annotations

import numpy as np


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)) elementwise, without overflow for any z."""
    z = np.asarray(z, dtype=float)
    e = np.exp(-np.abs(z))  # in (0, 1]: cannot overflow
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def loss(X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, l2: float = 0.0) -> float:
    """Return the mean log loss plus l2 / 2 * ||w||^2, exact for large logits."""
    z = X @ w + b
    data = np.mean(np.logaddexp(0.0, z) - y * z)
    return float(data + 0.5 * l2 * np.sum(w**2))


def gradient(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, l2: float = 0.0
) -> tuple[np.ndarray, float]:
    """Return the derivatives (gw of shape (d,), gb) of the loss."""
    error = (sigmoid(X @ w + b) - y) / len(y)
    gw = X.T @ error + l2 * w
    gb = float(np.sum(error)) + l2 * b
    return gw, gb


def fit(
    X: np.ndarray, y: np.ndarray, lr: float, steps: int, l2: float = 0.0
) -> tuple[np.ndarray, float]:
    """Run full-batch gradient descent from zeros; return (w, b)."""
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in range(steps):
        gw, gb = gradient(X, y, w, b, l2)
        w, b = w - lr * gw, b - lr * gb
    return w, b


def predict(X: np.ndarray, w: np.ndarray, b: float, threshold: float = 0.5) -> np.ndarray:
    """Return integer labels: 1 where the probability is at least threshold, else 0."""
    return (sigmoid(X @ w + b) >= threshold).astype(int)
