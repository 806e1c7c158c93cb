"""Scaled dot-product attention and multi-head attention in NumPy: your code goes here."""

import numpy as np


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax along `axis`; a slice that is -inf throughout gives zeros."""
    raise NotImplementedError("write softmax")


def causal_mask(n: int) -> np.ndarray:
    """Boolean (n, n): entry [i, j] is True where position i may look at position j."""
    raise NotImplementedError("write causal_mask")


def scaled_dot_product_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Attention of q (..., n, d_k) over k (..., m, d_k) and v (..., m, d_v).

    mask: boolean, broadcastable to (..., n, m), True = may look.
    Returns the output (..., n, d_v) and the weights (..., n, m).
    """
    raise NotImplementedError("write scaled_dot_product_attention")


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """(batch, n, d) to (batch, n_heads, n, d / n_heads); head h gets the h-th block of columns."""
    raise NotImplementedError("write split_heads")


def merge_heads(x: np.ndarray) -> np.ndarray:
    """(batch, n_heads, n, d_head) back to (batch, n, n_heads * d_head)."""
    raise NotImplementedError("write merge_heads")


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
    raise NotImplementedError("write multi_head_attention")
