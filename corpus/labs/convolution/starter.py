"""Starter: convolution with stride and padding, its gradients, max pooling. Fill in the functions."""

from __future__ import annotations

import numpy as np


def output_size(n: int, k: int, stride: int, padding: int) -> int:
    """Return the entries of the output along a side of length n."""
    raise NotImplementedError("Write output_size.")


def parameter_count(c_in: int, c_out: int, k: int) -> int:
    """Return the number of weights and biases of a layer."""
    raise NotImplementedError("Write parameter_count.")


def conv2d(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Return y of shape (B, F, H', W') for x (B, C, H, W), w (F, C, K, K) and b (F,)."""
    raise NotImplementedError("Write conv2d.")


def conv2d_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (dx, dw, db), the gradients with respect to x, w and b."""
    raise NotImplementedError("Write conv2d_backward.")


def max_pool(x: np.ndarray, k: int) -> np.ndarray:
    """Return the maximum of each whole k x k window, shape (B, C, H // k, W // k)."""
    raise NotImplementedError("Write max_pool.")
