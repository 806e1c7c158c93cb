"""int8 quantization in NumPy: your code goes here."""

import numpy as np


def quantize_absmax(x: np.ndarray) -> tuple[np.ndarray, float]:
    """Symmetric int8 codes in -127..127 and their scale; zeros get scale 1."""
    raise NotImplementedError("write quantize_absmax")


def quantize_zero_point(x: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Asymmetric int8 codes in -128..127, scale and zero point; 0.0 is represented exactly."""
    raise NotImplementedError("write quantize_zero_point")


def dequantize(q: np.ndarray, scale: float | np.ndarray, zero_point: int = 0) -> np.ndarray:
    """Floats that the codes stand for; scale may be an array that broadcasts."""
    raise NotImplementedError("write dequantize")


def quantize_per_channel(w: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Absmax codes of w with one scale per index of `axis`; scales keep the reduced axes."""
    raise NotImplementedError("write quantize_per_channel")


def int8_matmul(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """x (n, d) @ w (d, m) with int8 codes: a scale per row of x and per column of w."""
    raise NotImplementedError("write int8_matmul")


def relative_error(exact: np.ndarray, approx: np.ndarray) -> float:
    """Frobenius norm of the difference divided by that of `exact`."""
    raise NotImplementedError("write relative_error")
