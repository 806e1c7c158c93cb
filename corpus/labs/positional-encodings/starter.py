"""Sinusoidal and rotary position encodings in NumPy: your code goes here."""

import numpy as np


def sinusoidal(n_positions: int, d_model: int, base: float = 10000.0) -> np.ndarray:
    """Sinusoidal table (n_positions, d_model): sine in even columns, cosine in odd ones."""
    raise NotImplementedError("write sinusoidal")


def rotary_angles(positions: np.ndarray, d: int, base: float = 10000.0) -> np.ndarray:
    """Angles (n, d / 2): position p and pair i give p * base ** (-2 i / d)."""
    raise NotImplementedError("write rotary_angles")


def apply_rotary(x: np.ndarray, positions: np.ndarray, base: float = 10000.0) -> np.ndarray:
    """Rotate the pairs (2i, 2i + 1) of x (..., n, d) by the angles of `positions` (n,)."""
    raise NotImplementedError("write apply_rotary")


def rotary_scores(
    q: np.ndarray,
    k: np.ndarray,
    q_positions: np.ndarray,
    k_positions: np.ndarray,
    base: float = 10000.0,
) -> np.ndarray:
    """Attention scores (..., n, m) of rotated queries and keys, divided by sqrt(d)."""
    raise NotImplementedError("write rotary_scores")
