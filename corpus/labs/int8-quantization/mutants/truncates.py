"""Mistake: the cast to int8 cuts decimals off instead of rounding."""

import numpy as np


def quantize_absmax(x: np.ndarray) -> tuple[np.ndarray, float]:
    """Symmetric int8 codes in -127..127 and their scale; zeros get scale 1."""
    top = float(np.max(np.abs(x)))
    scale = top / 127 if top > 0 else 1.0
    return np.clip(x / scale, -127, 127).astype(np.int8), scale


def quantize_zero_point(x: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Asymmetric int8 codes in -128..127, scale and zero point; 0.0 is represented exactly."""
    low, high = min(float(np.min(x)), 0.0), max(float(np.max(x)), 0.0)
    scale = (high - low) / 255 if high > low else 1.0
    zero_point = int(np.rint(-128 - low / scale))
    codes = np.clip(np.rint(x / scale) + zero_point, -128, 127).astype(np.int8)
    return codes, scale, zero_point


def dequantize(q: np.ndarray, scale: float | np.ndarray, zero_point: int = 0) -> np.ndarray:
    """Floats that the codes stand for; scale may be an array that broadcasts."""
    return (q.astype(np.float64) - zero_point) * scale  # widen first: int8 would wrap around


def quantize_per_channel(w: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Absmax codes of w with one scale per index of `axis`; scales keep the reduced axes."""
    others = tuple(a for a in range(w.ndim) if a != axis % w.ndim)
    top = np.max(np.abs(w), axis=others, keepdims=True)
    scales = np.where(top > 0, top / 127, 1.0)
    return np.clip(np.rint(w / scales), -127, 127).astype(np.int8), scales


def int8_matmul(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """x (n, d) @ w (d, m) with int8 codes: a scale per row of x and per column of w."""
    qx, sx = quantize_per_channel(x, axis=0)
    qw, sw = quantize_per_channel(w, axis=1)
    accumulated = qx.astype(np.int32) @ qw.astype(np.int32)
    return accumulated * (sx * sw)


def relative_error(exact: np.ndarray, approx: np.ndarray) -> float:
    """Frobenius norm of the difference divided by that of `exact`."""
    return float(np.linalg.norm(exact - approx) / np.linalg.norm(exact))
