"""Direct preference optimization: your code goes here."""

import torch
from torch.nn import functional as F


def token_log_probs(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (b, t - 1) of ids[:, 1:], each predicted one position earlier."""
    raise NotImplementedError("write token_log_probs")


def sequence_log_prob(
    logits: torch.Tensor, ids: torch.Tensor, response_mask: torch.Tensor
) -> torch.Tensor:
    """Summed log-probability (b,) of the tokens where response_mask (b, t) is True."""
    raise NotImplementedError("write sequence_log_prob")


def dpo_loss(
    policy_chosen: torch.Tensor,
    policy_rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    beta: float = 0.1,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss (scalar) and the implicit rewards (b,) of chosen and rejected, detached."""
    raise NotImplementedError("write dpo_loss")


def preference_metrics(chosen: torch.Tensor, rejected: torch.Tensor) -> dict[str, float]:
    """Accuracy (share with chosen > rejected) and mean margin of the implicit rewards."""
    raise NotImplementedError("write preference_metrics")


def dpo_from_logits(
    policy_logits: torch.Tensor,
    reference_logits: torch.Tensor,
    ids: torch.Tensor,
    response_mask: torch.Tensor,
    beta: float = 0.1,
) -> torch.Tensor:
    """Loss for a batch (2 b, t) whose first half is chosen and whose second half is rejected."""
    raise NotImplementedError("write dpo_from_logits")
