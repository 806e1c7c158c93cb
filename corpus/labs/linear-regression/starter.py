"""Starter: linear regression by normal equation and by gradient descent. Fill in the functions."""

from __future__ import annotations

import numpy as np


def add_bias(X: np.ndarray) -> np.ndarray:
    """Return X, shape (n, d), with a column of ones put in front: shape (n, d + 1), floats."""
    raise NotImplementedError("Write add_bias.")


def predict(X: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the predictions, shape (n,), for weights w, shape (d + 1,), intercept first."""
    raise NotImplementedError("Write predict.")


def mse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return the mean squared error of two vectors of shape (n,)."""
    raise NotImplementedError("Write mse.")


def gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the gradient of the MSE with respect to w, shape (d + 1,)."""
    raise NotImplementedError("Write gradient.")


def fit_normal(X: np.ndarray, y: np.ndarray, l2: float = 0.0) -> np.ndarray:
    """Return w minimizing ||A w - y||^2 + l2 * sum of w[1:]^2; the intercept is not penalized."""
    raise NotImplementedError("Write fit_normal.")


def fit_gd(X: np.ndarray, y: np.ndarray, lr: float, steps: int) -> tuple[np.ndarray, list[float]]:
    """Run gradient descent on the MSE from zeros; return (w, the MSE before each update)."""
    raise NotImplementedError("Write fit_gd.")
