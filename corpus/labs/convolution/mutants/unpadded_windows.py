"""Mistake: takes the windows for dw from the image without its padding."""

from __future__ import annotations

import numpy as np


def output_size(n: int, k: int, stride: int, padding: int) -> int:
    """Return the entries of the output along a side of length n."""
    return (n + 2 * padding - k) // stride + 1


def parameter_count(c_in: int, c_out: int, k: int) -> int:
    """Return the number of weights and biases of a layer."""
    return c_out * (c_in * k * k + 1)


def _padded(x: np.ndarray, p: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))


def conv2d(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Return y of shape (B, F, H', W') for x (B, C, H, W), w (F, C, K, K) and b (F,)."""
    k = w.shape[2]
    xp = _padded(x, padding)
    rows = output_size(x.shape[2], k, stride, padding)
    columns = output_size(x.shape[3], k, stride, padding)
    y = np.zeros((x.shape[0], w.shape[0], rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = xp[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
            y[:, :, i, j] = np.tensordot(window, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return y


def conv2d_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (dx, dw, db), the gradients with respect to x, w and b."""
    k, p = w.shape[2], padding
    xp = np.roll(_padded(x, p), (-p, -p), axis=(2, 3))
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            top, left = i * stride, j * stride
            window = xp[:, :, top : top + k, left : left + k]
            d = dy[:, :, i, j]
            dw += np.tensordot(d, window, axes=(0, 0))
            dxp[:, :, top : top + k, left : left + k] += np.tensordot(d, w, axes=(1, 0))
    dx = dxp[:, :, p : p + x.shape[2], p : p + x.shape[3]]
    return dx, dw, dy.sum(axis=(0, 2, 3))


def max_pool(x: np.ndarray, k: int) -> np.ndarray:
    """Return the maximum of each whole k x k window, shape (B, C, H // k, W // k)."""
    rows, columns = x.shape[2] // k, x.shape[3] // k
    cut = x[:, :, : rows * k, : columns * k]
    return cut.reshape(*x.shape[:2], rows, k, columns, k).max(axis=(3, 5))
