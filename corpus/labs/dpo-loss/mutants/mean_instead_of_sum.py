"""Mistake: log-probabilities are averaged over the answer."""

import torch
from torch.nn import functional as F


def token_log_probs(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (b, t - 1) of ids[:, 1:], each predicted one position earlier."""
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1)
    return log_probs.gather(-1, ids[:, 1:, None]).squeeze(-1)


def sequence_log_prob(
    logits: torch.Tensor, ids: torch.Tensor, response_mask: torch.Tensor
) -> torch.Tensor:
    """Summed log-probability (b,) of the tokens where response_mask (b, t) is True."""
    # the mask says which TOKENS count, so it is shifted like the targets
    return (token_log_probs(logits, ids) * response_mask[:, 1:]).sum(dim=-1) / response_mask.sum(-1)


def dpo_loss(
    policy_chosen: torch.Tensor,
    policy_rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    beta: float = 0.1,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss (scalar) and the implicit rewards (b,) of chosen and rejected, detached."""
    chosen = beta * (policy_chosen - reference_chosen.detach())
    rejected = beta * (policy_rejected - reference_rejected.detach())
    loss = -F.logsigmoid(chosen - rejected).mean()
    return loss, chosen.detach(), rejected.detach()


def preference_metrics(chosen: torch.Tensor, rejected: torch.Tensor) -> dict[str, float]:
    """Accuracy (share with chosen > rejected) and mean margin of the implicit rewards."""
    return {
        "accuracy": (chosen > rejected).float().mean().item(),
        "margin": (chosen - rejected).mean().item(),
    }


def dpo_from_logits(
    policy_logits: torch.Tensor,
    reference_logits: torch.Tensor,
    ids: torch.Tensor,
    response_mask: torch.Tensor,
    beta: float = 0.1,
) -> torch.Tensor:
    """Loss for a batch (2 b, t) whose first half is chosen and whose second half is rejected."""
    policy = sequence_log_prob(policy_logits, ids, response_mask)
    with torch.no_grad():
        reference = sequence_log_prob(reference_logits, ids, response_mask)
    (pc, pr), (rc, rr) = policy.chunk(2), reference.chunk(2)
    return dpo_loss(pc, pr, rc, rr, beta)[0]
