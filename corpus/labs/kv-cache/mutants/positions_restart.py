"""Mistake: the positions of new tokens start at 0 again."""

from typing import Any

import numpy as np

Params = dict[str, Any]


def init_params(
    vocab: int, d: int, n_heads: int, n_layers: int, max_len: int, seed: int = 0
) -> Params:
    """Given: random parameters of a small decoder."""
    rng = np.random.default_rng(seed)

    def w(*shape: int) -> np.ndarray:
        return rng.normal(size=shape) / np.sqrt(shape[0])

    names = {"w_q": (d, d), "w_k": (d, d), "w_v": (d, d), "w_o": (d, d)}
    names |= {"w_1": (d, 2 * d), "w_2": (2 * d, d)}
    return {
        "n_heads": n_heads,
        "tok": rng.normal(size=(vocab, d)),
        "pos": rng.normal(size=(max_len, d)),
        "layers": [{n: w(*shape) for n, shape in names.items()} for _ in range(n_layers)],
        "head": w(d, vocab),
    }


def norm(x: np.ndarray) -> np.ndarray:
    """Given: normalize every row to mean 0 and variance 1."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """Given: (t, d) to (n_heads, t, d_head)."""
    return x.reshape(len(x), n_heads, -1).transpose(1, 0, 2)


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Given: attention of q (h, t, d_head) over k, v (h, s, d_head); mask (t, s); (t, d)."""
    scores = np.where(mask, q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    y = e / e.sum(-1, keepdims=True) @ v
    return y.transpose(1, 0, 2).reshape(q.shape[1], -1)


def full_logits(p: Params, ids: list[int]) -> np.ndarray:
    """Given: logits (t, vocab) for all positions, computed from scratch."""
    t = len(ids)
    x = p["tok"][ids] + p["pos"][:t]
    for layer in p["layers"]:
        q, k, v = (heads(norm(x) @ layer[n], p["n_heads"]) for n in ("w_q", "w_k", "w_v"))
        x = x + attend(q, k, v, np.tril(np.ones((t, t), bool))) @ layer["w_o"]
        x = x + np.maximum(norm(x) @ layer["w_1"], 0) @ layer["w_2"]
    return norm(x) @ p["head"]


class KVCache:
    """Keys and values of all layers for up to max_len tokens; `length` tokens are stored."""

    def __init__(self, n_layers: int, n_heads: int, max_len: int, d_head: int) -> None:
        self.k = np.zeros((n_layers, n_heads, max_len, d_head))
        self.v = np.zeros((n_layers, n_heads, max_len, d_head))
        self.length = 0

    def write(
        self, layer: int, k: np.ndarray, v: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Store k, v (h, t, d_head) behind the stored tokens; all keys and values of the layer."""
        end = self.length + k.shape[1]
        if end > self.k.shape[2]:
            raise ValueError(f"{end} tokens do not fit a cache of {self.k.shape[2]}")
        self.k[layer, :, self.length : end] = k
        self.v[layer, :, self.length : end] = v
        return self.k[layer, :, :end], self.v[layer, :, :end]

    def advance(self, n: int) -> None:
        """Count n tokens as stored, after every layer has written them."""
        self.length += n


def cached_logits(p: Params, ids: list[int], cache: KVCache) -> np.ndarray:
    """Logits (t, vocab) of the t new tokens that follow what the cache holds."""
    t, past = len(ids), cache.length
    if past + t > cache.k.shape[2]:
        raise ValueError(f"{past + t} tokens do not fit a cache of {cache.k.shape[2]}")
    x = p["tok"][ids] + p["pos"][:t]
    # new token i stands at position past + i and sees all positions up to that one
    mask = np.arange(past + t)[None, :] <= past + np.arange(t)[:, None]
    for i, layer in enumerate(p["layers"]):
        q, k, v = (heads(norm(x) @ layer[n], p["n_heads"]) for n in ("w_q", "w_k", "w_v"))
        k, v = cache.write(i, k, v)
        x = x + attend(q, k, v, mask) @ layer["w_o"]
        x = x + np.maximum(norm(x) @ layer["w_1"], 0) @ layer["w_2"]
    cache.advance(t)
    return norm(x) @ p["head"]


def generate(p: Params, prompt: list[int], n_new: int) -> list[int]:
    """Prompt plus n_new greedy tokens; every token passes through the model at most once."""
    d = p["tok"].shape[1]
    cache = KVCache(
        len(p["layers"]), p["n_heads"], len(prompt) + n_new, d // p["n_heads"]
    )
    out, new = list(prompt), list(prompt)
    for _ in range(n_new):
        new = [int(np.argmax(cached_logits(p, new, cache)[-1]))]
        out += new
    return out


def cache_bytes(
    n_layers: int, n_kv_heads: int, d_head: int, seq_len: int, batch: int = 1,
    bytes_per_value: int = 2,
) -> int:
    """Memory of a key-value cache in bytes."""
    return 2 * n_layers * n_kv_heads * d_head * seq_len * batch * bytes_per_value
