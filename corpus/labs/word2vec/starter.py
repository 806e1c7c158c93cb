"""Starter: skip-gram with negative sampling. Fill in the functions."""

from __future__ import annotations

import numpy as np


def build_pairs(ids: list[int], window: int) -> list[tuple[int, int]]:
    """Return the (center, context) pairs at most window positions apart, in text order."""
    raise NotImplementedError("Write build_pairs.")


def noise_distribution(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """Return probabilities proportional to counts ** power."""
    raise NotImplementedError("Write noise_distribution.")


def loss_and_grads(
    v: np.ndarray, u: np.ndarray, N: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return (loss, gradient of v (d,), of u (d,), of N (K, d)) for one training example."""
    raise NotImplementedError("Write loss_and_grads.")


def sgd_step(
    W_in: np.ndarray,
    W_out: np.ndarray,
    center: int,
    context: int,
    negatives: np.ndarray,
    lr: float,
) -> float:
    """Update both matrices in place for one example; return the loss before the update."""
    raise NotImplementedError("Write sgd_step.")


def most_similar(W: np.ndarray, i: int, k: int) -> list[int]:
    """Return the ids of the k rows most similar to row i by cosine, best first, without i."""
    raise NotImplementedError("Write most_similar.")
