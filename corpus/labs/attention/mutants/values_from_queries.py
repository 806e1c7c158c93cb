"""Mistake: the values are taken from the query sequence."""

import numpy as np


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax along `axis`; a slice that is -inf throughout gives zeros."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)  # avoids -inf - (-inf)
    e = np.exp(x - top)
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0.0, 1.0, total)


def causal_mask(n: int) -> np.ndarray:
    """Boolean (n, n): entry [i, j] is True where position i may look at position j."""
    return np.tril(np.ones((n, n), dtype=bool))


def scaled_dot_product_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Attention of q (..., n, d_k) over k (..., m, d_k) and v (..., m, d_v).

    mask: boolean, broadcastable to (..., n, m), True = may look.
    Returns the output (..., n, d_v) and the weights (..., n, m).
    """
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores, axis=-1)
    return weights @ v, weights


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """(batch, n, d) to (batch, n_heads, n, d / n_heads); head h gets the h-th block of columns."""
    batch, n, d = x.shape
    if d % n_heads:
        raise ValueError(f"width {d} is not divisible by {n_heads} heads")
    return x.reshape(batch, n, n_heads, d // n_heads).transpose(0, 2, 1, 3)


def merge_heads(x: np.ndarray) -> np.ndarray:
    """(batch, n_heads, n, d_head) back to (batch, n, n_heads * d_head)."""
    batch, n_heads, n, d_head = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, n, n_heads * d_head)


def multi_head_attention(
    x_q: np.ndarray,
    x_kv: np.ndarray,
    w_q: np.ndarray,
    w_k: np.ndarray,
    w_v: np.ndarray,
    w_o: np.ndarray,
    n_heads: int,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Queries from x_q (batch, n, d), keys and values from x_kv (batch, m, d).

    All weights are (d, d) and multiply from the right. mask: (n, m) or (batch, n, m).
    Returns (batch, n, d).
    """
    q = split_heads(x_q @ w_q, n_heads)
    k = split_heads(x_kv @ w_k, n_heads)
    v = split_heads(x_q @ w_v, n_heads)
    if mask is not None and mask.ndim == 3:
        mask = mask[:, None]  # one mask per example, shared by its heads
    out, _ = scaled_dot_product_attention(q, k, v, mask)
    return merge_heads(out) @ w_o
