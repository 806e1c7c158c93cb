"""A decoder-only language model in PyTorch: your code goes here."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def get_batch(
    data: torch.Tensor, block_size: int, batch_size: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random windows of data (N,): inputs and next-token targets, both (batch, block)."""
    raise NotImplementedError("write get_batch")


class Block(nn.Module):
    """Pre-norm decoder block: causal self-attention, then a feed-forward network."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        raise NotImplementedError("complete Block.__init__")

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        """Causal multi-head attention, (b, t, d) to (b, t, d)."""
        raise NotImplementedError("write Block.attention")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, t, d) to (b, t, d)."""
        raise NotImplementedError("write Block.forward")


class TinyGPT(nn.Module):
    """Token and position embeddings, causal blocks, final norm, linear head."""

    def __init__(
        self, vocab_size: int, block_size: int, d_model: int = 48, n_heads: int = 4,
        n_layers: int = 2,
    ) -> None:
        raise NotImplementedError("complete TinyGPT.__init__")

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (b, t) with t <= block_size to next-token logits (b, t, vocab_size)."""
        raise NotImplementedError("write TinyGPT.forward")


def lm_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats of logits (b, t, V) for target ids (b, t)."""
    raise NotImplementedError("write lm_loss")


def train(
    model: nn.Module, data: torch.Tensor, steps: int, batch_size: int = 16, lr: float = 3e-3,
    seed: int = 0,
) -> list[float]:
    """Train on random windows of data; returns the loss of every step."""
    raise NotImplementedError("write train")


@torch.no_grad()
def generate(model: nn.Module, ids: torch.Tensor, n_new: int) -> torch.Tensor:
    """Append n_new greedily chosen tokens to ids (b, t); returns (b, t + n_new)."""
    raise NotImplementedError("write generate")
