"""LoRA: a low-rank adapter around a linear layer: your code goes here."""

import math
from collections.abc import Sequence

import torch
from torch import nn


class LoRALinear(nn.Module):
    """Frozen linear layer `base` plus the trainable update (alpha / r) * B A."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        raise NotImplementedError("complete LoRALinear.__init__")

    def delta(self) -> torch.Tensor:
        """The update of the weight, (out_features, in_features)."""
        raise NotImplementedError("write LoRALinear.delta")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) to (..., out_features)."""
        raise NotImplementedError("write LoRALinear.forward")

    @torch.no_grad()
    def merge(self) -> None:
        """Add the update to the base weight; does nothing if already merged."""
        raise NotImplementedError("write LoRALinear.merge")

    @torch.no_grad()
    def unmerge(self) -> None:
        """Take the update out of the base weight; does nothing if not merged."""
        raise NotImplementedError("write LoRALinear.unmerge")


def add_lora(model: nn.Module, targets: Sequence[str], r: int, alpha: float) -> int:
    """Freeze the model and wrap every nn.Linear whose attribute name is in targets; their count."""
    raise NotImplementedError("write add_lora")


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Numbers of (trainable, all) parameters."""
    raise NotImplementedError("write count_parameters")


def lora_state_dict(model: nn.Module) -> dict[str, torch.Tensor]:
    """Only the adapters' tensors A and B, under their names in model.state_dict()."""
    raise NotImplementedError("write lora_state_dict")
