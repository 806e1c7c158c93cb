"""Starter: hidden Markov model tagger with Viterbi decoding. Fill in the functions."""

from __future__ import annotations

import numpy as np


def estimate(
    sentences: list[list[tuple[int, int]]], n_tags: int, n_words: int, k: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (log_pi (K,), log_A (K, K), log_B (K, V)) with add-k smoothing."""
    raise NotImplementedError("Write estimate.")


def sequence_log_prob(
    words: list[int],
    tags: list[int],
    log_pi: np.ndarray,
    log_A: np.ndarray,
    log_B: np.ndarray,
) -> float:
    """Return the joint log probability of words and tags; unknown words contribute 0."""
    raise NotImplementedError("Write sequence_log_prob.")


def viterbi(
    words: list[int], log_pi: np.ndarray, log_A: np.ndarray, log_B: np.ndarray
) -> tuple[list[int], float]:
    """Return (the best tag sequence, its log probability)."""
    raise NotImplementedError("Write viterbi.")


def accuracy(gold: list[list[int]], pred: list[list[int]]) -> float:
    """Return the share of correct tags among all tokens; 0.0 without tokens."""
    raise NotImplementedError("Write accuracy.")
