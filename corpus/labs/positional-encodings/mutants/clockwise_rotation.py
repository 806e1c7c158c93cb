"""Mistake: the pairs are rotated clockwise."""

import numpy as np


def sinusoidal(n_positions: int, d_model: int, base: float = 10000.0) -> np.ndarray:
    """Sinusoidal table (n_positions, d_model): sine in even columns, cosine in odd ones."""
    if d_model % 2:
        raise ValueError("d_model must be even")
    angles = rotary_angles(np.arange(n_positions), d_model, base)
    table = np.empty((n_positions, d_model))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles)
    return table


def rotary_angles(positions: np.ndarray, d: int, base: float = 10000.0) -> np.ndarray:
    """Angles (n, d / 2): position p and pair i give p * base ** (-2 i / d)."""
    frequencies = base ** (-2.0 * np.arange(d // 2) / d)
    return np.asarray(positions, dtype=float)[:, None] * frequencies


def apply_rotary(x: np.ndarray, positions: np.ndarray, base: float = 10000.0) -> np.ndarray:
    """Rotate the pairs (2i, 2i + 1) of x (..., n, d) by the angles of `positions` (n,)."""
    angles = rotary_angles(positions, x.shape[-1], base)
    cos, sin = np.cos(angles), np.sin(angles)
    even, odd = x[..., 0::2], x[..., 1::2]
    out = np.empty(x.shape, dtype=float)
    out[..., 0::2] = even * cos + odd * sin
    out[..., 1::2] = odd * cos - even * sin
    return out


def rotary_scores(
    q: np.ndarray,
    k: np.ndarray,
    q_positions: np.ndarray,
    k_positions: np.ndarray,
    base: float = 10000.0,
) -> np.ndarray:
    """Attention scores (..., n, m) of rotated queries and keys, divided by sqrt(d)."""
    q = apply_rotary(q, q_positions, base)
    k = apply_rotary(k, k_positions, base)
    return q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
