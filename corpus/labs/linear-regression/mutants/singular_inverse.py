"""Mistake: inverts A^T A, which fails for linearly dependent columns."""

from __future__ import annotations

import numpy as np


def add_bias(X: np.ndarray) -> np.ndarray:
    """Return X, shape (n, d), with a column of ones put in front: shape (n, d + 1), floats."""
    X = np.asarray(X, dtype=float)
    return np.hstack([np.ones((X.shape[0], 1)), X])


def predict(X: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the predictions, shape (n,), for weights w, shape (d + 1,), intercept first."""
    return add_bias(X) @ w


def mse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return the mean squared error of two vectors of shape (n,)."""
    return float(np.mean((np.asarray(y_true) - np.asarray(y_pred)) ** 2))


def gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the gradient of the MSE with respect to w, shape (d + 1,)."""
    A = add_bias(X)
    return 2.0 / len(y) * A.T @ (A @ w - y)


def fit_normal(X: np.ndarray, y: np.ndarray, l2: float = 0.0) -> np.ndarray:
    """Return w minimizing ||A w - y||^2 + l2 * sum of w[1:]^2; the intercept is not penalized."""
    A = add_bias(X)
    if l2 == 0.0:
        return np.linalg.inv(A.T @ A) @ A.T @ y
    penalty = l2 * np.eye(A.shape[1])
    penalty[0, 0] = 0.0
    return np.linalg.solve(A.T @ A + penalty, A.T @ y)


def fit_gd(X: np.ndarray, y: np.ndarray, lr: float, steps: int) -> tuple[np.ndarray, list[float]]:
    """Run gradient descent on the MSE from zeros; return (w, the MSE before each update)."""
    w = np.zeros(np.asarray(X).shape[1] + 1)
    losses = []
    for _ in range(steps):
        losses.append(mse(y, predict(X, w)))
        w = w - lr * gradient(X, y, w)
    return w, losses
