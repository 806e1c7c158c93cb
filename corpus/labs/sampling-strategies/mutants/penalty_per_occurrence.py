"""Mistake: the penalty is applied once per occurrence."""

from collections.abc import Sequence

import numpy as np


def greedy(logits: np.ndarray) -> int:
    """Id of the largest logit; the lowest id wins a tie."""
    return int(np.argmax(logits))


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of logits (V,) at a temperature > 0; -inf means probability 0."""
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    z = (np.asarray(logits, dtype=float) - np.max(logits)) / temperature
    e = np.exp(z)
    return e / e.sum()


def top_k_filter(logits: np.ndarray, k: int) -> np.ndarray:
    """Copy of logits (V,) with all but the k largest set to -inf."""
    logits = np.asarray(logits, dtype=float)
    order = np.argsort(-logits, kind="stable")  # stable: of equal logits the lowest id first
    out = np.full_like(logits, -np.inf)
    out[order[:k]] = logits[order[:k]]
    return out


def top_p_filter(logits: np.ndarray, p: float) -> np.ndarray:
    """Copy of logits (V,) that keeps the smallest set of top tokens with probability >= p."""
    logits = np.asarray(logits, dtype=float)
    order = np.argsort(-logits, kind="stable")
    cumulative = np.cumsum(softmax(logits)[order])
    n_keep = int(np.searchsorted(cumulative, p, side="left")) + 1  # with the token that crosses p
    out = np.full_like(logits, -np.inf)
    out[order[:n_keep]] = logits[order[:n_keep]]
    return out


def repetition_penalty(
    logits: np.ndarray, previous_ids: Sequence[int], penalty: float
) -> np.ndarray:
    """Copy of logits (V,) in which every id that has occurred became less likely."""
    out = np.array(logits, dtype=float)
    for i in previous_ids:
        out[i] = out[i] / penalty if out[i] > 0 else out[i] * penalty
    return out


def sample(
    logits: np.ndarray,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    penalty: float = 1.0,
    previous_ids: Sequence[int] = (),
) -> int:
    """Draw one id: penalty, temperature, top-k, top-p, draw. Temperature 0 is greedy."""
    logits = repetition_penalty(logits, previous_ids, penalty)
    if temperature == 0:
        return greedy(logits)
    logits = logits / temperature
    if top_k is not None:
        logits = top_k_filter(logits, top_k)
    if top_p is not None:
        logits = top_p_filter(logits, top_p)
    return int(rng.choice(len(logits), p=softmax(logits)))
