"""Mistake: follows the back pointers of the wrong position."""

from __future__ import annotations

import numpy as np


def estimate(
    sentences: list[list[tuple[int, int]]], n_tags: int, n_words: int, k: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (log_pi (K,), log_A (K, K), log_B (K, V)) with add-k smoothing."""
    pi = np.full(n_tags, float(k))
    A = np.full((n_tags, n_tags), float(k))
    B = np.full((n_tags, n_words), float(k))
    for sentence in sentences:
        tags = [tag for _, tag in sentence]
        if tags:
            pi[tags[0]] += 1
        for previous, tag in zip(tags, tags[1:], strict=False):
            A[previous, tag] += 1
        for word, tag in sentence:
            B[tag, word] += 1
    A /= A.sum(axis=1, keepdims=True)
    B /= B.sum(axis=1, keepdims=True)
    return np.log(pi / pi.sum()), np.log(A), np.log(B)


def _emissions(words: list[int], log_B: np.ndarray) -> np.ndarray:
    """Return the (T, K) emission scores; unknown words (-1) score 0 for every tag."""
    ids = np.asarray(words, dtype=int)
    scores = log_B[:, ids].T.copy()
    scores[ids < 0] = 0.0  # index -1 picked the last column
    return scores


def sequence_log_prob(
    words: list[int],
    tags: list[int],
    log_pi: np.ndarray,
    log_A: np.ndarray,
    log_B: np.ndarray,
) -> float:
    """Return the joint log probability of words and tags; unknown words contribute 0."""
    if len(words) == 0:
        return 0.0
    tags = np.asarray(tags)
    emitted = _emissions(words, log_B)[np.arange(len(words)), tags].sum()
    return float(log_pi[tags[0]] + log_A[tags[:-1], tags[1:]].sum() + emitted)


def viterbi(
    words: list[int], log_pi: np.ndarray, log_A: np.ndarray, log_B: np.ndarray
) -> tuple[list[int], float]:
    """Return (the best tag sequence, its log probability)."""
    if len(words) == 0:
        return [], 0.0
    emit = _emissions(words, log_B)
    best = log_pi + emit[0]
    back = np.zeros(emit.shape, dtype=int)  # back[t, j]: best tag before tag j at position t
    for t in range(1, len(words)):
        candidates = best[:, None] + log_A  # rows: previous tag, columns: next tag
        back[t] = candidates.argmax(axis=0)
        best = candidates.max(axis=0) + emit[t]
    tags = [int(best.argmax())]
    for t in range(len(words) - 1, 0, -1):
        tags.append(int(back[t - 1, tags[-1]]))
    return tags[::-1], float(best.max())


def accuracy(gold: list[list[int]], pred: list[list[int]]) -> float:
    """Return the share of correct tags among all tokens; 0.0 without tokens."""
    pairs = [gp for gs, ps in zip(gold, pred, strict=True) for gp in zip(gs, ps, strict=True)]
    right = sum(g == p for g, p in pairs)
    return right / len(pairs) if pairs else 0.0
