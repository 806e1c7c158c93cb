"""Mistake: True is read as padding, so real tokens are hidden."""

import math

import torch

Params = dict[str, torch.Tensor]


def init_params(d_model: int, d_ff: int, seed: int = 0) -> Params:
    """Parameters of one block (keys and shapes as listed in the task), with requires_grad set."""
    g = torch.Generator().manual_seed(seed)
    shapes = {
        "w_q": (d_model, d_model),
        "w_k": (d_model, d_model),
        "w_v": (d_model, d_model),
        "w_o": (d_model, d_model),
        "w_1": (d_model, d_ff),
        "w_2": (d_ff, d_model),
    }
    p: Params = {}
    for name, shape in shapes.items():
        p[name] = 0.02 * torch.randn(shape, generator=g)
        p["b_" + name[2:]] = torch.zeros(shape[1])
    for i in (1, 2):
        p[f"ln{i}_gain"] = torch.ones(d_model)
        p[f"ln{i}_bias"] = torch.zeros(d_model)
    return {name: t.requires_grad_() for name, t in p.items()}


def layer_norm(
    x: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor, eps: float = 1e-5
) -> torch.Tensor:
    """Normalize every vector of x (..., d) to mean 0 and variance 1, then scale and shift."""
    centered = x - x.mean(dim=-1, keepdim=True)
    variance = centered.pow(2).mean(dim=-1, keepdim=True)
    return centered / torch.sqrt(variance + eps) * gain + bias


def gelu(x: torch.Tensor) -> torch.Tensor:
    """Exact GELU: x times the standard normal distribution function."""
    return 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0)))


def self_attention(
    x: torch.Tensor, p: Params, n_heads: int, is_token: torch.Tensor | None = None
) -> torch.Tensor:
    """Multi-head self-attention of x (b, n, d); is_token (b, n) is False at padding."""
    b, n, d = x.shape

    def heads(name: str) -> torch.Tensor:
        y = x @ p["w_" + name] + p["b_" + name]
        return y.view(b, n, n_heads, d // n_heads).transpose(1, 2)

    q, k, v = heads("q"), heads("k"), heads("v")
    scores = q @ k.transpose(-1, -2) / math.sqrt(d // n_heads)
    if is_token is not None:
        # padding is hidden as a key, for every head and every query
        scores = scores.masked_fill(is_token[:, None, None, :], -1e9)
    y = torch.softmax(scores, dim=-1) @ v
    y = y.transpose(1, 2).reshape(b, n, d)
    return y @ p["w_o"] + p["b_o"]


def feed_forward(x: torch.Tensor, p: Params) -> torch.Tensor:
    """Two linear maps with a GELU between them, applied to every position alone."""
    return gelu(x @ p["w_1"] + p["b_1"]) @ p["w_2"] + p["b_2"]


def encoder_block(
    x: torch.Tensor,
    p: Params,
    n_heads: int,
    is_token: torch.Tensor | None = None,
    norm_first: bool = True,
) -> torch.Tensor:
    """One encoder block in pre-norm (norm_first) or post-norm order; (b, n, d) to (b, n, d)."""

    def norm(i: int, y: torch.Tensor) -> torch.Tensor:
        return layer_norm(y, p[f"ln{i}_gain"], p[f"ln{i}_bias"])

    if norm_first:
        x = x + self_attention(norm(1, x), p, n_heads, is_token)
        return x + feed_forward(norm(2, x), p)
    x = norm(1, x + self_attention(x, p, n_heads, is_token))
    return norm(2, x + feed_forward(x, p))
