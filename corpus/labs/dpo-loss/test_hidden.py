import math

import submission as s
import torch

torch.set_num_threads(1)


def batch(seed, b=3, t=6, v=9, size=1.5):
    g = torch.Generator().manual_seed(seed)
    logits = size * torch.randn(b, t, v, generator=g)
    ids = torch.randint(v, (b, t), generator=g)
    start = torch.randint(1, t - 1, (b, 1), generator=g)
    end = torch.randint(t - 1, t + 1, (b, 1), generator=g)
    where = torch.arange(t)
    return logits, ids, (where >= start) & (where < end)


def slow_sum(logits, ids, mask):
    out = []
    for z, row, m in zip(logits.double(), ids.tolist(), mask.tolist()):
        total = 0.0
        for i in range(1, len(row)):
            if m[i]:
                total += float(z[i - 1, row[i]] - torch.logsumexp(z[i - 1], 0))
        out.append(total)
    return torch.tensor(out)


def close(got, want, msg, tol=1e-4):
    assert isinstance(got, torch.Tensor), "Return a torch tensor."
    assert got.shape == want.shape, f"{msg} [shape {tuple(got.shape)} != {tuple(want.shape)}]"
    assert torch.isfinite(got).all(), f"{msg} [the result contains NaN or infinity]"
    assert torch.allclose(got.double(), want.double(), atol=tol, rtol=1e-4), msg


def test_token_log_probs_shift():
    logits, ids, _ = batch(0, b=2, t=5, v=4)
    got = s.token_log_probs(logits, ids)
    want = torch.stack(
        [
            torch.stack([logits[e, i].log_softmax(0)[ids[e, i + 1]] for i in range(4)])
            for e in range(2)
        ]
    )
    close(
        got,
        want,
        "token_log_probs is off: the logits at position i score the token at position i + 1, so "
        "the last logits and the first token drop out; normalize over the vocabulary.",
    )


def test_token_log_probs_are_stable():
    logits = torch.tensor([[[1000.0, -1000.0, 0.0], [0.0, 0.0, 0.0]]])
    got = s.token_log_probs(logits, torch.tensor([[0, 1]]))
    close(
        got,
        torch.tensor([[-2000.0]]),
        "Large logits give -inf or NaN: do not take the logarithm of a softmax.",
    )


def test_sequence_sum():
    for seed in (1, 2, 3):
        logits, ids, mask = batch(seed, b=4, t=5 + seed)
        close(
            s.sequence_log_prob(logits, ids, mask),
            slow_sum(logits, ids, mask),
            "sequence_log_prob is off: SUM the log-probabilities of exactly those tokens where the "
            "mask is True. The mask marks tokens, so it shifts together with the ids.",
        )


def test_sequence_ignores_prompt_and_padding():
    logits, ids, mask = batch(4, b=2, t=7)
    mask = torch.tensor([[0, 0, 1, 1, 1, 0, 0], [0, 1, 1, 0, 0, 0, 0]]).bool()
    before = s.sequence_log_prob(logits, ids, mask)
    other = logits.clone()
    other[0, 4:] += torch.arange(9.0)
    other[0, 0] += torch.arange(9.0)
    other[1, 2:] -= torch.arange(9.0)
    close(
        s.sequence_log_prob(other, ids, mask),
        before,
        "Logits that predict prompt or padding tokens influence the result. Note that the LAST "
        "prompt position predicts the FIRST answer token.",
    )


def values(seed, b=6, size=5.0):
    g = torch.Generator().manual_seed(seed)
    return [-20 + size * torch.randn(b, generator=g) for _ in range(4)]


def test_loss_at_the_start():
    pc, pr, _, _ = values(5)
    loss, chosen, rejected = s.dpo_loss(pc, pr, pc.clone(), pr.clone(), beta=0.3)
    assert loss.ndim == 0, "The loss must be a scalar, the mean over the batch."
    assert abs(float(loss) - math.log(2)) < 1e-5, (
        "If policy and reference are equal, the loss is ln 2: only the difference to the reference "
        "counts."
    )
    close(chosen, torch.zeros(6), "If policy and reference are equal, the rewards are 0.")
    close(rejected, torch.zeros(6), "If policy and reference are equal, the rewards are 0.")


def test_loss_direction():
    zero = torch.zeros(1)
    better = float(s.dpo_loss(zero + 2, zero - 2, zero, zero, beta=1.0)[0])
    worse = float(s.dpo_loss(zero - 2, zero + 2, zero, zero, beta=1.0)[0])
    assert better < math.log(2) < worse, (
        "The loss must fall when the chosen answer gains and the rejected one loses probability."
    )


def test_loss_and_rewards():
    for seed, beta in ((6, 0.1), (7, 0.5), (8, 2.0)):
        pc, pr, rc, rr = values(seed)
        loss, chosen, rejected = s.dpo_loss(pc, pr, rc, rr, beta=beta)
        rw, rl = beta * (pc - rc).double(), beta * (pr - rr).double()
        close(
            chosen, rw,
            "The implicit reward is beta times (policy minus reference) log-probability; here it "
            "is off for the chosen answers.",
        )
        close(rejected, rl, "The implicit reward is off for the rejected answers.")
        want = torch.log1p(torch.exp(-(rw - rl))).mean()
        close(
            loss, want,
            f"The loss is off for beta={beta}: -log sigmoid of the difference of both rewards, "
            "averaged over pairs (after the logarithm, not before).",
        )
    pc, pr, rc, rr = values(9)
    assert torch.allclose(s.dpo_loss(pc, pr, rc, rr)[0], s.dpo_loss(pc, pr, rc, rr, beta=0.1)[0]), (
        "beta must default to 0.1."
    )


def test_loss_is_stable():
    big = torch.tensor([-3000.0])
    zero = torch.zeros(1)
    loss, _, _ = s.dpo_loss(big, zero, zero, zero, beta=1.0)
    close(loss, torch.tensor(3000.0), "For a difference of -3000 the loss is 3000, not infinity.")
    p = big.clone().requires_grad_()
    s.dpo_loss(p, zero, zero, zero, beta=1.0)[0].backward()
    close(p.grad, torch.tensor([-1.0]), "There the gradient is -beta per pair, not 0 or NaN.")


def test_gradients():
    pc, pr, rc, rr = (v.requires_grad_() for v in values(10))
    loss, chosen, rejected = s.dpo_loss(pc, pr, rc, rr, beta=0.2)
    assert not chosen.requires_grad and not rejected.requires_grad, (
        "The rewards are for logging: detach them, or they keep the graph alive."
    )
    loss.backward()
    w = torch.sigmoid(-0.2 * ((pc - rc) - (pr - rr))).detach() * 0.2 / 6
    close(pc.grad, -w, "The gradient for the chosen log-probabilities is off or blocked.")
    close(pr.grad, w, "The gradient for the rejected log-probabilities is off or blocked.")
    for r in (rc, rr):
        assert r.grad is None or float(r.grad.abs().sum()) == 0, (
            "Gradient flows into the reference model: it is frozen."
        )


def test_metrics():
    got = s.preference_metrics(torch.tensor([1.0, 0.5, -1.0, 2.0]), torch.tensor([0.0, 1, -2, 2]))
    assert set(got) == {"accuracy", "margin"}, "The keys must be 'accuracy' and 'margin'."
    assert all(isinstance(v, float) for v in got.values()), "The metrics must be floats."
    assert abs(got["accuracy"] - 0.5) < 1e-6, "Two of four pairs are strictly ordered; ties lose."
    assert abs(got["margin"] - 0.375) < 1e-6, "The margin is the mean of chosen minus rejected."


def test_from_logits():
    policy, ids, mask = batch(11, b=6, t=7)
    reference = batch(12, b=6, t=7)[0]
    p, r = slow_sum(policy, ids, mask), slow_sum(reference, ids, mask)
    d = 0.4 * ((p[:3] - r[:3]) - (p[3:] - r[3:]))
    close(
        s.dpo_from_logits(policy, reference, ids, mask, beta=0.4),
        torch.log1p(torch.exp(-d.double())).mean(),
        "dpo_from_logits is off: the first half of the batch is chosen and the second half "
        "rejected, with pair i at i and b + i; policy and reference in their places.",
    )


def test_from_logits_learns():
    policy, ids, mask = batch(13, b=8, t=6)
    reference = policy.clone().requires_grad_()
    policy = policy.clone().requires_grad_()
    optimizer = torch.optim.Adam([policy], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = s.dpo_from_logits(policy, reference, ids, mask, beta=0.5)
        loss.backward()
        optimizer.step()
    assert reference.grad is None or float(reference.grad.abs().sum()) == 0, (
        "The reference logits received a gradient."
    )
    gain = slow_sum(policy.detach(), ids, mask) - slow_sum(reference.detach(), ids, mask)
    assert float(gain[:4].mean()) > 0 > float(gain[4:].mean()), (
        "After training, chosen answers must be likelier and rejected ones less likely."
    )
    assert loss.item() < 0.5, f"The loss stays at {loss.item():.2f} after 60 steps."
