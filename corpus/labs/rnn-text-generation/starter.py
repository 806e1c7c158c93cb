"""Starter: vanilla RNN with backpropagation through time. Fill in the functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Arrays = dict[str, np.ndarray]


def forward(params: Arrays, inputs: np.ndarray, h0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (logits (T, V), states (T + 1, H) with h0 first)."""
    raise NotImplementedError("Write forward.")


def bptt(
    params: Arrays, inputs: np.ndarray, targets: np.ndarray, h0: np.ndarray
) -> tuple[float, Arrays]:
    """Return (mean cross-entropy over the steps, gradients with the keys of params)."""
    raise NotImplementedError("Write bptt.")


def numerical_gradient(f: Callable[[], float], x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Return the central-difference gradient of f with respect to the entries of x."""
    raise NotImplementedError("Write numerical_gradient.")


def clip_gradients(grads: Arrays, max_norm: float) -> Arrays:
    """Scale all gradients by one factor so that their joint norm is at most max_norm."""
    raise NotImplementedError("Write clip_gradients.")


def sample(
    params: Arrays,
    h0: np.ndarray,
    first: int,
    length: int,
    temperature: float,
    rng: np.random.Generator,
) -> list[int]:
    """Draw length tokens, feeding each one back in; first is not part of the result."""
    raise NotImplementedError("Write sample.")
