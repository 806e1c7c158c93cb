"""Mistake: ignores the exponent of the noise distribution."""

from __future__ import annotations

import numpy as np


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function without overflow."""
    return np.exp(-np.logaddexp(0.0, -x))


def build_pairs(ids: list[int], window: int) -> list[tuple[int, int]]:
    """Return the (center, context) pairs at most window positions apart, in text order."""
    pairs = []
    for i, center in enumerate(ids):
        for j in range(max(0, i - window), min(len(ids), i + window + 1)):
            if j != i:
                pairs.append((center, ids[j]))
    return pairs


def noise_distribution(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """Return probabilities proportional to counts ** power."""
    weights = np.asarray(counts, dtype=float)
    return weights / weights.sum()


def loss_and_grads(
    v: np.ndarray, u: np.ndarray, N: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return (loss, gradient of v (d,), of u (d,), of N (K, d)) for one training example."""
    pos, neg = u @ v, N @ v
    loss = np.logaddexp(0.0, -pos) + np.logaddexp(0.0, neg).sum()
    pos_error = _sigmoid(pos) - 1.0  # prediction minus label 1
    neg_error = _sigmoid(neg)  # prediction minus label 0, shape (K,)
    gv = pos_error * u + neg_error @ N
    return float(loss), gv, pos_error * v, np.outer(neg_error, v)


def sgd_step(
    W_in: np.ndarray,
    W_out: np.ndarray,
    center: int,
    context: int,
    negatives: np.ndarray,
    lr: float,
) -> float:
    """Update both matrices in place for one example; return the loss before the update."""
    loss, gv, gu, gN = loss_and_grads(W_in[center], W_out[context], W_out[negatives])
    W_in[center] -= lr * gv
    W_out[context] -= lr * gu
    np.subtract.at(W_out, negatives, lr * gN)  # adds up over repeated ids
    return loss


def most_similar(W: np.ndarray, i: int, k: int) -> list[int]:
    """Return the ids of the k rows most similar to row i by cosine, best first, without i."""
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    scores = unit @ unit[i]
    order = np.argsort(-scores)
    return [int(j) for j in order if j != i][:k]
