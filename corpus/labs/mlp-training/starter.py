"""Starter: a multilayer perceptron with manual backpropagation. Fill in the functions."""

from __future__ import annotations

import numpy as np

Params = list[tuple[np.ndarray, np.ndarray]]


def init_params(sizes: list[int], rng: np.random.Generator) -> Params:
    """Return He-initialized (W, b) pairs: W has shape (sizes[l], sizes[l + 1]), b is zero."""
    raise NotImplementedError("Write init_params.")


def forward(params: Params, X: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return (logits of shape (B, C), cache); ReLU after every layer but the last."""
    raise NotImplementedError("Write forward.")


def softmax_cross_entropy(logits: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (mean cross-entropy of the batch, its gradient with respect to the logits)."""
    raise NotImplementedError("Write softmax_cross_entropy.")


def backward(params: Params, cache: list[np.ndarray], dlogits: np.ndarray) -> Params:
    """Return the gradients (dW, db) of all layers, in the order of params."""
    raise NotImplementedError("Write backward.")


def sgd_step(params: Params, grads: Params, lr: float) -> Params:
    """Return new parameters after one step of gradient descent."""
    raise NotImplementedError("Write sgd_step.")


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
    raise NotImplementedError("Write train.")


def predict(params: Params, X: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row, shape (B,)."""
    raise NotImplementedError("Write predict.")
