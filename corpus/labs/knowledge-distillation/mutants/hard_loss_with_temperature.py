"""Mistake: the cross-entropy with the labels uses the temperature."""

import torch
from torch import nn
from torch.nn import functional as F


def soft_targets(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Softmax of logits (..., C) at a temperature."""
    return torch.softmax(logits / temperature, dim=-1)


def soft_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """T^2 times KL(teacher || student) at temperature T, mean over the batch; logits (b, C)."""
    log_student = torch.log_softmax(student_logits / temperature, dim=-1)
    log_teacher = torch.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    kl = (log_teacher.exp() * (log_teacher - log_student)).sum(dim=-1)
    # gradients of the soft term shrink like 1 / T^2; the factor keeps it in balance
    return temperature**2 * kl.mean()


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor,
    temperature: float,
    alpha: float,
) -> torch.Tensor:
    """alpha * soft loss + (1 - alpha) * cross-entropy with the labels at temperature 1."""
    hard = F.cross_entropy(student_logits / temperature, labels)
    return alpha * soft_loss(student_logits, teacher_logits, temperature) + (1 - alpha) * hard


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
    teacher.eval()
    student.train()
    with torch.no_grad():
        teacher_logits = teacher(x)
    loss = distillation_loss(student(x), teacher_logits, labels, temperature, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def agreement(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> float:
    """Share of examples for which student and teacher predict the same class."""
    same = student_logits.argmax(dim=-1) == teacher_logits.argmax(dim=-1)
    return same.float().mean().item()
