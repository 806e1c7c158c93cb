"""Mistake: the optimum leaves out the reference."""

import numpy as np


def preference_loss(w: np.ndarray, x_win: np.ndarray, x_lose: np.ndarray) -> float:
    """Mean of -log sigmoid(r(win) - r(lose)) for the linear reward r(x) = x @ w; x_* are (m, d)."""
    margin = (x_win - x_lose) @ w
    return float(np.logaddexp(0.0, -margin).mean())


def preference_gradient(w: np.ndarray, x_win: np.ndarray, x_lose: np.ndarray) -> np.ndarray:
    """Gradient (d,) of preference_loss with respect to w."""
    diff = x_win - x_lose
    p_wrong = np.exp(-np.logaddexp(0.0, diff @ w))  # sigmoid(-margin), safe for large margins
    return -(p_wrong[:, None] * diff).mean(axis=0)


def fit_reward(
    x_win: np.ndarray, x_lose: np.ndarray, steps: int = 500, lr: float = 0.5, l2: float = 0.0
) -> np.ndarray:
    """Weights (d,) from gradient descent, started at 0, on preference_loss + l2 / 2 * |w|^2."""
    w = np.zeros(x_win.shape[1])
    for _ in range(steps):
        w = w - lr * (preference_gradient(w, x_win, x_lose) + l2 * w)
    return w


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (k,), safe for large values."""
    z = logits - np.max(logits)
    return z - np.log(np.exp(z).sum())


def objective(
    logits: np.ndarray, ref_logits: np.ndarray, rewards: np.ndarray, beta: float
) -> float:
    """Expected reward minus beta * KL(policy || reference) of a bandit with k arms."""
    logp, logq = log_softmax(logits), log_softmax(ref_logits)
    p = np.exp(logp)
    return float(p @ rewards - beta * (p @ (logp - logq)))


def exact_gradient(
    logits: np.ndarray, ref_logits: np.ndarray, rewards: np.ndarray, beta: float
) -> np.ndarray:
    """Gradient (k,) of the objective with respect to the policy's logits."""
    logp = log_softmax(logits)
    p = np.exp(logp)
    f = rewards - beta * (logp - log_softmax(ref_logits))  # reward with the penalty per action
    return p * (f - p @ f)


def sampled_gradient(
    logits: np.ndarray,
    ref_logits: np.ndarray,
    actions: np.ndarray,
    action_rewards: np.ndarray,
    beta: float,
    baseline: float = 0.0,
) -> np.ndarray:
    """REINFORCE estimate (k,) from sampled actions (n,) and their rewards (n,)."""
    logp = log_softmax(logits)
    f = action_rewards - beta * (logp - log_softmax(ref_logits))[actions]
    score = np.eye(len(logits))[actions] - np.exp(logp)  # gradient of log p(action)
    return ((f - baseline)[:, None] * score).mean(axis=0)


def best_policy(ref_logits: np.ndarray, rewards: np.ndarray, beta: float) -> np.ndarray:
    """Probabilities (k,) that maximize the objective, safe for small beta."""
    return np.exp(log_softmax(rewards / beta))
