"""Mistake: feeds the first token again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Arrays = dict[str, np.ndarray]


def forward(params: Arrays, inputs: np.ndarray, h0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (logits (T, V), states (T + 1, H) with h0 first)."""
    hs = [np.asarray(h0, dtype=float)]
    for x in inputs:
        hs.append(np.tanh(params["Wx"][x] + hs[-1] @ params["Wh"] + params["bh"]))
    states = np.array(hs)
    return states[1:] @ params["Wy"] + params["by"], states


def _log_softmax(z: np.ndarray) -> np.ndarray:
    """Return log softmax along the last axis, stably."""
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def bptt(
    params: Arrays, inputs: np.ndarray, targets: np.ndarray, h0: np.ndarray
) -> tuple[float, Arrays]:
    """Return (mean cross-entropy over the steps, gradients with the keys of params)."""
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    steps = len(inputs)
    logits, hs = forward(params, inputs, h0)
    log_p = _log_softmax(logits)
    loss = -log_p[np.arange(steps), targets].mean()

    dz = np.exp(log_p)
    dz[np.arange(steps), targets] -= 1.0
    dz /= steps
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    grads["Wy"] = hs[1:].T @ dz
    grads["by"] = dz.sum(axis=0)
    dh_next = np.zeros(hs.shape[1])  # what h_t receives from step t + 1
    for t in range(steps - 1, -1, -1):
        dh = dz[t] @ params["Wy"].T + dh_next
        da = dh * (1.0 - hs[t + 1] ** 2)
        grads["Wx"][inputs[t]] += da
        grads["Wh"] += np.outer(hs[t], da)
        grads["bh"] += da
        dh_next = da @ params["Wh"].T
    return float(loss), grads


def numerical_gradient(f: Callable[[], float], x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Return the central-difference gradient of f with respect to the entries of x."""
    g = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = old + eps
        high = f()
        x[index] = old - eps
        low = f()
        x[index] = old
        g[index] = (high - low) / (2 * eps)
    return g


def clip_gradients(grads: Arrays, max_norm: float) -> Arrays:
    """Scale all gradients by one factor so that their joint norm is at most max_norm."""
    norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
    scale = max_norm / norm if norm > max_norm else 1.0
    return {name: g * scale for name, g in grads.items()}


def sample(
    params: Arrays,
    h0: np.ndarray,
    first: int,
    length: int,
    temperature: float,
    rng: np.random.Generator,
) -> list[int]:
    """Draw length tokens, feeding each one back in; first is not part of the result."""
    h, token, out = h0, first, []
    for _ in range(length):
        logits, states = forward(params, [first], h)
        h = states[-1]
        p = np.exp(_log_softmax(logits[0] / temperature))
        token = int(rng.choice(len(p), p=p / p.sum()))
        out.append(token)
    return out
