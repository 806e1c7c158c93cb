"""A transformer encoder block from plain torch tensors: your code goes here."""

import math

import torch

Params = dict[str, torch.Tensor]


def init_params(d_model: int, d_ff: int, seed: int = 0) -> Params:
    """Parameters of one block (keys and shapes as listed in the task), with requires_grad set."""
    raise NotImplementedError("write init_params")


def layer_norm(
    x: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor, eps: float = 1e-5
) -> torch.Tensor:
    """Normalize every vector of x (..., d) to mean 0 and variance 1, then scale and shift."""
    raise NotImplementedError("write layer_norm")


def gelu(x: torch.Tensor) -> torch.Tensor:
    """Exact GELU: x times the standard normal distribution function."""
    raise NotImplementedError("write gelu")


def self_attention(
    x: torch.Tensor, p: Params, n_heads: int, is_token: torch.Tensor | None = None
) -> torch.Tensor:
    """Multi-head self-attention of x (b, n, d); is_token (b, n) is False at padding."""
    raise NotImplementedError("write self_attention")


def feed_forward(x: torch.Tensor, p: Params) -> torch.Tensor:
    """Two linear maps with a GELU between them, applied to every position alone."""
    raise NotImplementedError("write feed_forward")


def encoder_block(
    x: torch.Tensor,
    p: Params,
    n_heads: int,
    is_token: torch.Tensor | None = None,
    norm_first: bool = True,
) -> torch.Tensor:
    """One encoder block in pre-norm (norm_first) or post-norm order; (b, n, d) to (b, n, d)."""
    raise NotImplementedError("write encoder_block")
