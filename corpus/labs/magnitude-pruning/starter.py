"""Unstructured and structured magnitude pruning in PyTorch: your code goes here."""

from collections.abc import Callable

import torch
from torch import nn

Masks = dict[str, torch.Tensor]


def magnitude_mask(w: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Boolean mask of the shape of w, False for the floor(sparsity * size) smallest entries."""
    raise NotImplementedError("write magnitude_mask")


def global_masks(model: nn.Module, sparsity: float) -> Masks:
    """Masks by name for all parameters with two or more axes, ranked together."""
    raise NotImplementedError("write global_masks")


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Set pruned entries to zero in place."""
    raise NotImplementedError("write apply_masks")


def masked_step(
    model: nn.Module,
    masks: Masks,
    optimizer: torch.optim.Optimizer,
    loss_fn: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
) -> float:
    """One training step after which pruned entries are still zero; returns the loss."""
    raise NotImplementedError("write masked_step")


def sparsity_of(model: nn.Module) -> float:
    """Share of zeros among all parameters with two or more axes."""
    raise NotImplementedError("write sparsity_of")


def neurons_to_keep(layer: nn.Linear, n_keep: int) -> torch.Tensor:
    """Ascending indices of the n_keep output neurons with the largest L2 norm of weights."""
    raise NotImplementedError("write neurons_to_keep")


@torch.no_grad()
def shrink(first: nn.Linear, second: nn.Linear, keep: torch.Tensor) -> tuple[nn.Linear, nn.Linear]:
    """New, smaller layers without the hidden neurons that are not in keep."""
    raise NotImplementedError("write shrink")
