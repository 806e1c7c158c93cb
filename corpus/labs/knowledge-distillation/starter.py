"""Knowledge distillation losses and a training step in PyTorch: your code goes here."""

import torch
from torch import nn
from torch.nn import functional as F


def soft_targets(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Softmax of logits (..., C) at a temperature."""
    raise NotImplementedError("write soft_targets")


def soft_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """T^2 times KL(teacher || student) at temperature T, mean over the batch; logits (b, C)."""
    raise NotImplementedError("write soft_loss")


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor,
    temperature: float,
    alpha: float,
) -> torch.Tensor:
    """alpha * soft loss + (1 - alpha) * cross-entropy with the labels at temperature 1."""
    raise NotImplementedError("write distillation_loss")


def distill_step(
    student: nn.Module,
    teacher: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    labels: torch.Tensor,
    temperature: float = 2.0,
    alpha: float = 0.5,
) -> float:
    """One update of the student; the teacher is in eval mode and untouched. Returns the loss."""
    raise NotImplementedError("write distill_step")


def agreement(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> float:
    """Share of examples for which student and teacher predict the same class."""
    raise NotImplementedError("write agreement")
