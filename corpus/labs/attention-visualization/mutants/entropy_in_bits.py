"""Mistake: the entropy is measured in bits."""

import math

import torch
from torch import nn


class Attention(nn.Module):
    """Given: self-attention whose `softmax` submodule outputs the map (b, heads, n, n)."""

    def __init__(self, d_model: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.softmax = nn.Softmax(dim=-1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, is_token: torch.Tensor) -> torch.Tensor:
        """(b, n, d) to (b, n, d); padded keys are hidden."""
        b, n, d = x.shape
        q, k, v = (
            y.view(b, n, self.n_heads, -1).transpose(1, 2) for y in self.qkv(x).chunk(3, dim=-1)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~is_token[:, None, None], float("-inf"))
        y = self.dropout(self.softmax(scores)) @ v
        return self.out(y.transpose(1, 2).reshape(b, n, d))


class Layer(nn.Module):
    """Given: one pre-norm encoder layer."""

    def __init__(self, d_model: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.attention = Attention(d_model, n_heads, dropout)
        self.mlp = nn.Sequential(nn.LayerNorm(d_model), nn.Linear(d_model, d_model), nn.GELU())

    def forward(self, x: torch.Tensor, is_token: torch.Tensor) -> torch.Tensor:
        """(b, n, d) to (b, n, d)."""
        x = x + self.attention(self.norm(x), is_token)
        return x + self.mlp(x)


class TinyEncoder(nn.Module):
    """Given: a small encoder; id 0 is padding. `layers[i].attention.softmax` makes the maps."""

    def __init__(
        self, vocab: int = 30, d_model: int = 16, n_heads: int = 4, n_layers: int = 3,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.tok = nn.Embedding(vocab, d_model)
        self.pos = nn.Embedding(64, d_model)
        self.layers = nn.ModuleList(Layer(d_model, n_heads, dropout) for _ in range(n_layers))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids (b, n) to hidden states (b, n, d)."""
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x, ids != 0)
        return x


def attention_maps(model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Maps (layers, b, heads, n, n) of ids (b, n), taken with forward hooks in eval mode."""
    maps: list[torch.Tensor] = []
    hooks = [
        layer.attention.softmax.register_forward_hook(
            lambda module, args, output: maps.append(output.detach().clone())
        )
        for layer in model.layers
    ]
    was_training = model.training
    model.eval()  # no dropout in the layers below: the maps must be reproducible
    try:
        with torch.no_grad():
            model(ids)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was_training)
    return torch.stack(maps)


def head_entropy(maps: torch.Tensor, is_token: torch.Tensor) -> torch.Tensor:
    """Mean entropy in nats (layers, heads) of maps (layers, b, heads, n, n) over real queries."""
    entropy = -torch.xlogy(maps, maps).sum(dim=-1)  # (layers, b, heads, n); 0 log 0 counts as 0
    weight = is_token[None, :, None, :].to(entropy.dtype)
    return (entropy * weight).sum(dim=(1, 3)) / weight.sum() / math.log(2.0)


def attention_rollout(maps: torch.Tensor) -> torch.Tensor:
    """Rollout (b, n, n) of maps (layers, b, heads, n, n) with the residual path."""
    eye = torch.eye(maps.shape[-1], dtype=maps.dtype)
    rollout = eye.expand(maps.shape[1], -1, -1)
    for layer in maps.mean(dim=2):
        mixed = 0.5 * layer + 0.5 * eye
        rollout = mixed / mixed.sum(dim=-1, keepdim=True) @ rollout
    return rollout.clone()


def strongest_links(attention: torch.Tensor, k: int) -> list[tuple[int, int, float]]:
    """The k largest off-diagonal entries of a map (n, n) as (query, key, weight), descending."""
    n = attention.shape[-1]
    off_diagonal = attention.masked_fill(torch.eye(n, dtype=torch.bool), -1.0).flatten()
    order = torch.argsort(off_diagonal, descending=True, stable=True)[: min(k, n * (n - 1))]
    return [(i // n, i % n, float(off_diagonal[i])) for i in order.tolist()]
