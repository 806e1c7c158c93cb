import numpy as np
import submission as s


def close(got, want, msg, tol=1e-6):
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    assert got.shape == want.shape, f"{msg} [shape {got.shape}, expected {want.shape}]"
    assert np.isfinite(got).all(), f"{msg} [the result contains NaN or infinity]"
    assert np.allclose(got, want, atol=tol, rtol=tol), msg


def pairs(seed, m=30, d=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=(m, d)), rng.normal(size=(m, d))


def bandit(seed, k=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=k), rng.normal(size=k), 2 * rng.normal(size=k)


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum()


def slow_objective(logits, ref, r, beta):
    p, q = softmax(logits), softmax(ref)
    return sum(p[a] * r[a] - beta * p[a] * np.log(p[a] / q[a]) for a in range(len(p)))


def numeric(f, z, h=1e-5):
    steps = np.eye(len(z)) * h
    return np.array([(f(z + e) - f(z - e)) / (2 * h) for e in steps])


def test_preference_loss():
    w, a, b = pairs(0)
    close(s.preference_loss(np.zeros(4), a, b), np.log(2), "With w = 0 every pair costs ln 2.")
    want = np.mean([np.log(1 + np.exp(-(x @ w - y @ w))) for x, y in zip(a, b)])
    close(
        s.preference_loss(w, a, b),
        want,
        "The loss is off: -log sigmoid(reward of the WINNER minus reward of the loser), averaged "
        "over the comparisons.",
    )


def test_preference_loss_is_stable():
    a, b = np.array([[3000.0], [0.0]]), np.array([[0.0], [3000.0]])
    with np.errstate(all="ignore"):
        got = s.preference_loss(np.ones(1), a, b)
        grad = s.preference_gradient(np.ones(1), a, b)
    close(got, 1500.0, "Margins of 3000 and -3000 cost 0 and 3000: exp must not overflow.")
    close(grad, [1500.0], "Off for large margins: the gradient is a finite MEAN over pairs.")


def test_preference_gradient():
    for seed in (1, 2):
        w, a, b = pairs(seed, m=7 + seed)
        want = numeric(lambda v: s.preference_loss(v, a, b), w)
        close(
            s.preference_gradient(w, a, b),
            want,
            "The gradient does not match finite differences of your own loss: check the sign, the "
            "mean, and that the factor is the probability of being WRONG, sigmoid(-margin).",
        )


def test_fit_reward_steps():
    _, a, b = pairs(3)
    for steps, lr, l2 in ((1, 0.5, 0.0), (3, 0.2, 0.0), (4, 0.3, 0.5)):
        w = np.zeros(4)
        for _ in range(steps):
            d = a - b
            w = w + lr * ((d / (1 + np.exp(d @ w))[:, None]).mean(axis=0) - l2 * w)
        close(
            s.fit_reward(a, b, steps=steps, lr=lr, l2=l2),
            w,
            f"fit_reward is off after {steps} steps (lr={lr}, l2={l2}): start at 0, step AGAINST "
            "the gradient of the loss, whose penalty adds l2 * w.",
        )


def test_fit_reward_recovers_the_ranking():
    rng = np.random.default_rng(4)
    true = np.array([1.5, -1.0, 0.5])
    x, y = rng.normal(size=(600, 3)), rng.normal(size=(600, 3))
    first = rng.random(600) < 1 / (1 + np.exp(-(x - y) @ true))
    w = s.fit_reward(np.where(first[:, None], x, y), np.where(first[:, None], y, x))
    assert np.abs(np.asarray(w) - true).max() < 0.4, (
        "Fitted on 600 noisy comparisons, the weights should be near those that produced them."
    )


def test_log_softmax():
    z = np.array([1000.0, 1001.0, -500.0])
    with np.errstate(all="ignore"):
        got = s.log_softmax(z)
    want = z - 1001 - np.log(np.exp(-1) + 1)
    close(got, want, "log_softmax breaks for large logits: stay in logarithms throughout.")


def test_objective():
    for seed, beta in ((5, 0.0), (6, 0.5), (7, 3.0)):
        z, ref, r = bandit(seed)
        close(
            s.objective(z, ref, r, beta),
            slow_objective(z, ref, r, beta),
            f"The objective is off for beta={beta}: expected reward MINUS beta * KL, and the KL is "
            "weighted by the policy, not by the reference.",
        )


def test_exact_gradient():
    for seed, beta in ((8, 0.0), (9, 0.7), (10, 4.0)):
        z, ref, r = bandit(seed, k=4 + seed % 3)
        want = numeric(lambda v: slow_objective(v, ref, r, beta), z)
        got = s.exact_gradient(z, ref, r, beta)
        close(
            np.sum(got), 0.0,
            "The entries of the gradient must sum to 0, since adding a constant to all logits "
            "changes nothing: subtract the mean of f under the policy.",
        )
        close(got, want, f"exact_gradient differs from finite differences for beta={beta}.", 1e-5)


def test_gradient_vanishes_at_the_best_policy():
    _, ref, r = bandit(11)
    best = np.log(softmax(ref + r / 0.8))
    close(
        s.exact_gradient(best, ref, r, 0.8),
        np.zeros(5),
        "At the best policy the gradient must vanish: is the penalty in f, with the right sign?",
    )


def test_sampled_gradient_on_few_samples():
    for seed, beta, base in ((12, 0.0, 0.0), (13, 0.6, 0.0), (14, 0.6, 1.7)):
        z, ref, r = bandit(seed)
        rng = np.random.default_rng(seed)
        actions = rng.integers(5, size=9)
        noisy = r[actions] + rng.normal(size=9)
        p, q = softmax(z), softmax(ref)
        want = np.zeros(5)
        for a, reward in zip(actions, noisy):
            f = reward - beta * np.log(p[a] / q[a])
            want += (f - base) * ((np.arange(5) == a) - p) / 9
        close(
            s.sampled_gradient(z, ref, actions, noisy, beta, baseline=base),
            want,
            f"sampled_gradient is off (beta={beta}, baseline={base}): average over the samples, "
            "use each sample's own reward, subtract the baseline from f, and remember both terms "
            "of the gradient of log softmax.",
        )


def test_sampled_gradient_is_unbiased():
    z, ref, r = bandit(15)
    actions = np.random.default_rng(15).choice(5, size=60000, p=softmax(z))
    got = s.sampled_gradient(z, ref, actions, r[actions], 0.5, baseline=1.0)
    close(
        got,
        numeric(lambda v: slow_objective(v, ref, r, 0.5), z),
        "Over many samples the estimate must approach the exact gradient, with any baseline.",
        0.05,
    )


def test_best_policy():
    for seed, beta in ((16, 0.3), (17, 2.0)):
        _, ref, r = bandit(seed)
        q = softmax(ref)
        want = q * np.exp(r / beta)
        got = s.best_policy(ref, r, beta)
        close(
            np.sum(got), 1.0, "best_policy must return probabilities that sum to 1."
        )
        close(
            got, want / want.sum(),
            f"best_policy is off for beta={beta}: reference times exp(reward / beta), normalized. "
            "A small beta means a weak leash, so the reward dominates.",
        )
    with np.errstate(all="ignore"):
        got = s.best_policy(np.zeros(3), np.array([1.0, 3.0, 2.0]), 0.001)
    close(got, [0, 1, 0], "For beta = 0.001 the exponentials overflow: normalize in logarithms.")


def test_ascent_reaches_the_best_policy():
    _, ref, r = bandit(18)
    z = ref.copy()
    for _ in range(3000):
        z = z + 0.5 * np.asarray(s.exact_gradient(z, ref, r, 0.7))
    close(
        softmax(z),
        s.best_policy(ref, r, 0.7),
        "Gradient ascent with your exact_gradient should end at your best_policy.",
        1e-3,
    )


def test_inputs_unchanged():
    z, ref, r = bandit(19)
    old = [a.copy() for a in (z, ref, r)]
    actions = np.array([0, 3, 3])
    s.objective(z, ref, r, 0.5)
    s.exact_gradient(z, ref, r, 0.5)
    s.sampled_gradient(z, ref, actions, r[actions], 0.5, 0.1)
    s.best_policy(ref, r, 0.5)
    s.log_softmax(z)
    for a, b in zip((z, ref, r), old):
        assert np.array_equal(a, b), "A function changed its input in place."
