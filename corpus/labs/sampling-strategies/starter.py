"""Decoding strategies in NumPy: your code goes here."""

from collections.abc import Sequence

import numpy as np


def greedy(logits: np.ndarray) -> int:
    """Id of the largest logit; the lowest id wins a tie."""
    raise NotImplementedError("write greedy")


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of logits (V,) at a temperature > 0; -inf means probability 0."""
    raise NotImplementedError("write softmax")


def top_k_filter(logits: np.ndarray, k: int) -> np.ndarray:
    """Copy of logits (V,) with all but the k largest set to -inf."""
    raise NotImplementedError("write top_k_filter")


def top_p_filter(logits: np.ndarray, p: float) -> np.ndarray:
    """Copy of logits (V,) that keeps the smallest set of top tokens with probability >= p."""
    raise NotImplementedError("write top_p_filter")


def repetition_penalty(
    logits: np.ndarray, previous_ids: Sequence[int], penalty: float
) -> np.ndarray:
    """Copy of logits (V,) in which every id that has occurred became less likely."""
    raise NotImplementedError("write repetition_penalty")


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
    raise NotImplementedError("write sample")
