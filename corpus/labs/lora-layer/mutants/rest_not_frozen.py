"""Mistake: add_lora leaves the other layers trainable."""

import math
from collections.abc import Sequence

import torch
from torch import nn


class LoRALinear(nn.Module):
    """Frozen linear layer `base` plus the trainable update (alpha / r) * B A."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        for p in base.parameters():
            p.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(r, base.in_features) / math.sqrt(base.in_features))
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scaling = alpha / r
        self.dropout = nn.Dropout(dropout)
        self.merged = False

    def delta(self) -> torch.Tensor:
        """The update of the weight, (out_features, in_features)."""
        return self.scaling * (self.B @ self.A)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features)."""
        y = self.base(x)
        if self.merged:
            return y
        return y + self.scaling * (self.dropout(x) @ self.A.T @ self.B.T)

    @torch.no_grad()
    def merge(self) -> None:
        """Add the update to the base weight; does nothing if already merged."""
        if not self.merged:
            self.base.weight += self.delta()
            self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Take the update out of the base weight; does nothing if not merged."""
        if self.merged:
            self.base.weight -= self.delta()
            self.merged = False


def add_lora(model: nn.Module, targets: Sequence[str], r: int, alpha: float) -> int:
    """Freeze the model and wrap every nn.Linear whose attribute name is in targets; their count."""
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    for parent, name, child in found:
        setattr(parent, name, LoRALinear(child, r, alpha))
    return len(found)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Numbers of (trainable, all) parameters."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, g in sizes if g), sum(n for n, _ in sizes)


def lora_state_dict(model: nn.Module) -> dict[str, torch.Tensor]:
    """Only the adapters' tensors A and B, under their names in model.state_dict()."""
    names = {
        f"{prefix}.{x}" if prefix else x
        for prefix, module in model.named_modules()
        if isinstance(module, LoRALinear)
        for x in ("A", "B")
    }
    return {k: v for k, v in model.state_dict().items() if k in names}
