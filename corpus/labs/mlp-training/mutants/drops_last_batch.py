"""Mistake: skips the last, smaller batch."""

from __future__ import annotations

import numpy as np

Params = list[tuple[np.ndarray, np.ndarray]]


def init_params(sizes: list[int], rng: np.random.Generator) -> Params:
    """Return He-initialized (W, b) pairs: W has shape (sizes[l], sizes[l + 1]), b is zero."""
    return [
        (rng.normal(0.0, np.sqrt(2.0 / n_in), size=(n_in, n_out)), np.zeros(n_out))
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]


def forward(params: Params, X: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return (logits of shape (B, C), cache); ReLU after every layer but the last."""
    inputs = [X]  # inputs[l] is what layer l multiplies with its W
    for W, b in params[:-1]:
        inputs.append(np.maximum(0.0, inputs[-1] @ W + b))
    W, b = params[-1]
    return inputs[-1] @ W + b, inputs


def softmax_cross_entropy(logits: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (mean cross-entropy of the batch, its gradient with respect to the logits)."""
    rows = np.arange(len(y))
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    dlogits = np.exp(log_p)
    dlogits[rows, y] -= 1.0
    return float(-log_p[rows, y].mean()), dlogits / len(y)


def backward(params: Params, cache: list[np.ndarray], dlogits: np.ndarray) -> Params:
    """Return the gradients (dW, db) of all layers, in the order of params."""
    grads = []
    dz = dlogits
    for layer in range(len(params) - 1, -1, -1):
        h = cache[layer]
        grads.append((h.T @ dz, dz.sum(axis=0)))
        if layer > 0:
            # h is a ReLU output, so it is positive exactly where the ReLU was open
            dz = (dz @ params[layer][0].T) * (h > 0)
    return grads[::-1]


def sgd_step(params: Params, grads: Params, lr: float) -> Params:
    """Return new parameters after one step of gradient descent."""
    return [(W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(params, grads, strict=True)]


def train(
    X: np.ndarray,
    y: np.ndarray,
    hidden: list[int],
    n_classes: int,
    lr: float,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
) -> tuple[Params, list[float]]:
    """Train with shuffled mini-batches; return (params, mean batch loss of each epoch)."""
    params = init_params([X.shape[1], *hidden, n_classes], rng)
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(X))
        batch_losses = []
        for start in range(0, len(X) - batch_size + 1, batch_size):
            idx = order[start : start + batch_size]
            logits, cache = forward(params, X[idx])
            loss, dlogits = softmax_cross_entropy(logits, y[idx])
            params = sgd_step(params, backward(params, cache, dlogits), lr)
            batch_losses.append(loss)
        losses.append(float(np.mean(batch_losses or [0.0])))
    return params, losses


def predict(params: Params, X: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row, shape (B,)."""
    return forward(params, X)[0].argmax(axis=1)
