"""A Bradley-Terry reward model and a policy gradient with a KL penalty: your code goes here."""

import numpy as np


def preference_loss(w: np.ndarray, x_win: np.ndarray, x_lose: np.ndarray) -> float:
    """Mean of -log sigmoid(r(win) - r(lose)) for the linear reward r(x) = x @ w; x_* are (m, d)."""
    raise NotImplementedError("write preference_loss")


def preference_gradient(w: np.ndarray, x_win: np.ndarray, x_lose: np.ndarray) -> np.ndarray:
    """Gradient (d,) of preference_loss with respect to w."""
    raise NotImplementedError("write preference_gradient")


def fit_reward(
    x_win: np.ndarray, x_lose: np.ndarray, steps: int = 500, lr: float = 0.5, l2: float = 0.0
) -> np.ndarray:
    """Weights (d,) from gradient descent, started at 0, on preference_loss + l2 / 2 * |w|^2."""
    raise NotImplementedError("write fit_reward")


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (k,), safe for large values."""
    raise NotImplementedError("write log_softmax")


def objective(
    logits: np.ndarray, ref_logits: np.ndarray, rewards: np.ndarray, beta: float
) -> float:
    """Expected reward minus beta * KL(policy || reference) of a bandit with k arms."""
    raise NotImplementedError("write objective")


def exact_gradient(
    logits: np.ndarray, ref_logits: np.ndarray, rewards: np.ndarray, beta: float
) -> np.ndarray:
    """Gradient (k,) of the objective with respect to the policy's logits."""
    raise NotImplementedError("write exact_gradient")


def sampled_gradient(
    logits: np.ndarray,
    ref_logits: np.ndarray,
    actions: np.ndarray,
    action_rewards: np.ndarray,
    beta: float,
    baseline: float = 0.0,
) -> np.ndarray:
    """REINFORCE estimate (k,) from sampled actions (n,) and their rewards (n,)."""
    raise NotImplementedError("write sampled_gradient")


def best_policy(ref_logits: np.ndarray, rewards: np.ndarray, beta: float) -> np.ndarray:
    """Probabilities (k,) that maximize the objective, safe for small beta."""
    raise NotImplementedError("write best_policy")
