"""Mistake: a long context is cut to its first tokens."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def get_batch(
    data: torch.Tensor, block_size: int, batch_size: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random windows of data (N,): inputs and next-token targets, both (batch, block)."""
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator)
    windows = torch.stack([data[i : i + block_size + 1] for i in starts.tolist()])
    return windows[:, :-1], windows[:, 1:]


class Block(nn.Module):
    """Pre-norm decoder block: causal self-attention, then a feed-forward network."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1 = nn.LayerNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.proj = nn.Linear(d_model, d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.mlp = nn.Sequential(
            nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model)
        )

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        """Causal multi-head attention, (b, t, d) to (b, t, d)."""
        b, t, d = x.shape
        q, k, v = (
            y.view(b, t, self.n_heads, d // self.n_heads).transpose(1, 2)
            for y in self.qkv(x).chunk(3, dim=-1)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.n_heads)
        future = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(diagonal=1)
        scores = scores.masked_fill(future, float("-inf"))
        y = torch.softmax(scores, dim=-1) @ v
        return self.proj(y.transpose(1, 2).reshape(b, t, d))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, t, d) to (b, t, d)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TinyGPT(nn.Module):
    """Token and position embeddings, causal blocks, final norm, linear head."""

    def __init__(
        self, vocab_size: int, block_size: int, d_model: int = 48, n_heads: int = 4,
        n_layers: int = 2,
    ) -> None:
        super().__init__()
        self.block_size = block_size
        self.tok = nn.Embedding(vocab_size, d_model)
        self.pos = nn.Embedding(block_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (b, t) with t <= block_size to next-token logits (b, t, vocab_size)."""
        t = ids.shape[1]
        if t > self.block_size:
            raise ValueError(f"{t} tokens do not fit a block of {self.block_size}")
        x = self.tok(ids) + self.pos(torch.arange(t, device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def lm_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats of logits (b, t, V) for target ids (b, t)."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def train(
    model: nn.Module, data: torch.Tensor, steps: int, batch_size: int = 16, lr: float = 3e-3,
    seed: int = 0,
) -> list[float]:
    """Train on random windows of data; returns the loss of every step."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    losses = []
    model.train()
    for _ in range(steps):
        x, y = get_batch(data, model.block_size, batch_size, generator)
        loss = lm_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def generate(model: nn.Module, ids: torch.Tensor, n_new: int) -> torch.Tensor:
    """Append n_new greedily chosen tokens to ids (b, t); returns (b, t + n_new)."""
    model.eval()
    for _ in range(n_new):
        logits = model(ids[:, : model.block_size])  # the model sees at most block_size tokens
        ids = torch.cat([ids, logits[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    return ids
