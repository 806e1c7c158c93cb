"""Mistake: one weight too many is pruned."""

from collections.abc import Callable

import torch
from torch import nn

Masks = dict[str, torch.Tensor]


def magnitude_mask(w: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Boolean mask of the shape of w, False for the floor(sparsity * size) smallest entries."""
    n_prune = int(sparsity * w.numel()) + 1
    order = torch.argsort(w.detach().abs().flatten(), stable=True)
    mask = torch.ones(w.numel(), dtype=torch.bool)
    # by rank, not by a threshold: ties cannot prune too many
    mask[order[:n_prune]] = False
    return mask.view(w.shape)


def global_masks(model: nn.Module, sparsity: float) -> Masks:
    """Masks by name for all parameters with two or more axes, ranked together."""
    weights = {n: p for n, p in model.named_parameters() if p.ndim >= 2}
    joint = magnitude_mask(torch.cat([p.detach().flatten() for p in weights.values()]), sparsity)
    parts = joint.split([p.numel() for p in weights.values()])
    return {n: part.view(p.shape) for (n, p), part in zip(weights.items(), parts)}


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Set pruned entries to zero in place."""
    parameters = dict(model.named_parameters())
    for name, mask in masks.items():
        parameters[name] *= mask


def masked_step(
    model: nn.Module,
    masks: Masks,
    optimizer: torch.optim.Optimizer,
    loss_fn: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
) -> float:
    """One training step after which pruned entries are still zero; returns the loss."""
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    apply_masks(model, masks)  # momentum moves weights whose gradient is zero, so mask the weights
    return loss.item()


def sparsity_of(model: nn.Module) -> float:
    """Share of zeros among all parameters with two or more axes."""
    weights = [p for p in model.parameters() if p.ndim >= 2]
    return sum(int((p == 0).sum()) for p in weights) / sum(p.numel() for p in weights)


def neurons_to_keep(layer: nn.Linear, n_keep: int) -> torch.Tensor:
    """Ascending indices of the n_keep output neurons with the largest L2 norm of weights."""
    norms = layer.weight.detach().norm(dim=1)
    order = torch.argsort(norms, descending=True, stable=True)
    return order[:n_keep].sort().values


@torch.no_grad()
def shrink(first: nn.Linear, second: nn.Linear, keep: torch.Tensor) -> tuple[nn.Linear, nn.Linear]:
    """New, smaller layers without the hidden neurons that are not in keep."""
    small_1 = nn.Linear(first.in_features, len(keep), bias=first.bias is not None)
    small_2 = nn.Linear(len(keep), second.out_features, bias=second.bias is not None)
    small_1.weight.copy_(first.weight[keep])
    small_2.weight.copy_(second.weight[:, keep])
    if first.bias is not None:
        small_1.bias.copy_(first.bias[keep])
    if second.bias is not None:
        small_2.bias.copy_(second.bias)  # belongs to outputs, none of which was removed
    return small_1, small_2
