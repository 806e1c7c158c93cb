"""Mistake: evaluation leaves dropout on."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


class EncoderLayer(nn.Module):
    """Given: one post-norm encoder layer."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.norm1 = nn.LayerNorm(d_model)
        self.up = nn.Linear(d_model, 2 * d_model)
        self.down = nn.Linear(2 * d_model, d_model)
        self.norm2 = nn.LayerNorm(d_model)

    def forward(self, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """(b, n, d) to (b, n, d); padding (b, n) is True at padded positions."""
        y, _ = self.attention(x, x, x, key_padding_mask=padding, need_weights=False)
        x = self.norm1(x + y)
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class TinyBert(nn.Module):
    """Given: encoder with `embed`, `pos` and `layers` (first to last). Id 0 is padding."""

    def __init__(
        self, vocab: int = 40, d_model: int = 16, n_heads: int = 2, n_layers: int = 3
    ) -> None:
        super().__init__()
        self.d_model = d_model
        self.embed = nn.Embedding(vocab, d_model)
        self.pos = nn.Embedding(32, d_model)
        self.layers = nn.ModuleList(EncoderLayer(d_model, n_heads) for _ in range(n_layers))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids (b, n) to hidden states (b, n, d_model); position 0 holds the [CLS] token."""
        x = self.embed(ids) + self.pos(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x, ids == 0)
        return x


class Classifier(nn.Module):
    """A pre-trained `encoder` with dropout and a fresh linear `head` on the [CLS] state."""

    def __init__(self, encoder: nn.Module, n_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.d_model, n_classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids (b, n) to logits (b, n_classes)."""
        return self.head(self.dropout(self.encoder(ids)[:, 0]))


def set_trainable(model: Classifier, n_top_layers: int | None) -> None:
    """Train the head and the last n_top_layers encoder layers; None trains everything."""
    for p in model.parameters():
        p.requires_grad_(n_top_layers is None)
    parts = [model.head]
    if n_top_layers:  # [-0:] would be the whole list
        parts += model.encoder.layers[-n_top_layers:]
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(True)


def param_groups(
    model: Classifier, encoder_lr: float, head_lr: float, weight_decay: float
) -> list[dict]:
    """Optimizer groups for the trainable parameters: by part, and with or without decay."""
    groups = []
    for part, lr in ((model.encoder, encoder_lr), (model.head, head_lr)):
        trainable = [p for p in part.parameters() if p.requires_grad]
        for decay, params in (
            (weight_decay, [p for p in trainable if p.ndim >= 2]),
            (0.0, [p for p in trainable if p.ndim < 2]),  # biases and layer norms
        ):
            if params:
                groups.append({"params": params, "lr": lr, "weight_decay": decay})
    return groups


def warmup_linear(step: int, warmup: int, total: int) -> float:
    """Factor for the learning rate at `step`: up to 1 over `warmup`, then down to 0 at `total`."""
    if step < warmup:
        return step / warmup
    return max(0.0, (total - step) / (total - warmup))


def train_epoch(
    model: nn.Module, batches: Batches, optimizer: torch.optim.Optimizer, max_norm: float = 1.0
) -> float:
    """One pass with gradient clipping; returns the mean loss per example."""
    model.train()
    total, count = 0.0, 0
    for ids, labels in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(ids), labels)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], max_norm)
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count


def evaluate(model: nn.Module, batches: Batches) -> float:
    """Accuracy over all examples, in eval mode and without gradients."""
    hits, count = 0, 0
    with torch.no_grad():
        for ids, labels in batches:
            hits += int((model(ids).argmax(dim=-1) == labels).sum())
            count += len(labels)
    return hits / count
