import numpy as np
import submission as s


def _params(sizes, seed):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(a, b)) * 0.7, rng.normal(size=b) * 0.5)
            for a, b in zip(sizes[:-1], sizes[1:], strict=True)]


def _logits(params, X):
    h = X
    for i, (W, b) in enumerate(params):
        h = h @ W + b
        if i < len(params) - 1:
            h = np.where(h > 0, h, 0)
    return h


def _ce(z, y):
    z = z - z.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]))


def _moons(n, seed):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, np.pi, n)
    a = np.stack([np.cos(t), np.sin(t)], 1)
    b = np.stack([1 - np.cos(t), 0.4 - np.sin(t)], 1)
    X = np.vstack([a, b]) + rng.normal(0, 0.08, (2 * n, 2))
    return X, np.repeat([0, 1], n)


def test_init():
    params = s.init_params([400, 300, 5], np.random.default_rng(0))
    assert [np.shape(W) for W, _ in params] == [(400, 300), (300, 5)], (
        "Weight shapes must be (inputs, outputs) of each layer, one pair per layer.")
    assert all(np.shape(b) == (n,) and not np.any(b) for (_, b), n in
               zip(params, (300, 5), strict=True)), "Biases start as zero vectors of shape (n_l,)."
    W = params[0][0]
    assert np.std(W) > 1e-3, (
        "All weights are equal: every hidden unit would compute, and learn, the same thing. "
        "Random numbers break the symmetry.")
    assert abs(np.std(W) / np.sqrt(2 / 400) - 1) < 0.05 and abs(np.mean(W)) < 0.01, (
        "He initialization has mean 0 and STANDARD DEVIATION sqrt(2 / inputs). Did you use the "
        "number of outputs, a uniform distribution, or pass the variance instead?")


def test_forward():
    for sizes, B, seed in [([3, 4], 5, 1), ([2, 7, 3], 6, 2), ([5, 6, 4, 2], 9, 3)]:
        params = _params(sizes, seed)
        X = np.random.default_rng(seed).normal(size=(B, sizes[0]))
        got = np.asarray(s.forward(params, X)[0])
        assert got.shape == (B, sizes[-1]), "The logits have shape (batch, classes)."
        assert np.any(got < 0) or not np.any(_logits(params, X) < 0), (
            "No logit is negative: the last layer must stay linear, without ReLU.")
        assert np.allclose(got, _logits(params, X)), (
            "Wrong logits. Every hidden layer needs its bias and its ReLU, the last only its bias.")


def test_loss_value_and_gradient():
    for B, C, seed in [(4, 3, 4), (11, 6, 5)]:
        rng = np.random.default_rng(seed)
        z, y = rng.normal(size=(B, C)) * 2, rng.integers(0, C, B)
        loss, dz = s.softmax_cross_entropy(z.copy(), y)
        assert np.isclose(loss, _ce(z, y)), (
            "The loss is the MEAN over the batch of -log softmax(logits)[true class]. Is softmax "
            "taken along each row?")
        want = np.zeros_like(z)
        for i in range(B):
            for j in range(C):
                e = np.zeros_like(z)
                e[i, j] = 1e-5
                want[i, j] = (_ce(z + e, y) - _ce(z - e, y)) / 2e-5
        assert np.shape(dz) == z.shape, "dlogits has the shape of the logits."
        assert np.allclose(dz, want, atol=1e-6), (
            "dlogits disagrees with central differences of the loss. If it is too large by the "
            "batch size, the mean in the loss is missing from the gradient.")


def test_large_logits():
    z = np.array([[1000.0, 0.0, -1000.0], [-2000.0, -2001.0, -2000.0]])
    loss, dz = s.softmax_cross_entropy(z.copy(), np.array([1, 0]))
    want = (1000 + np.log(2 + np.exp(-1))) / 2
    assert np.isfinite(loss) and np.all(np.isfinite(dz)), (
        "Large logits gave inf or nan. Shift every row by its own maximum before exp, and "
        "subtract log-sum-exp instead of taking log of a rounded probability.")
    assert np.isclose(loss, want), (
        "The loss of a confident mistake is wrong: it must grow with the gap of the logits and "
        "not be clipped.")


def test_backward_matches_central_differences():
    for sizes, B, seed in [([3, 4], 5, 6), ([4, 5, 3], 7, 7), ([3, 6, 5, 4], 8, 8)]:
        params = _params(sizes, seed)
        rng = np.random.default_rng(seed + 50)
        X = rng.normal(size=(B, sizes[0]))
        R = rng.normal(size=(B, sizes[-1]))
        _, cache = s.forward(params, X)
        grads = s.backward(params, cache, R.copy())
        assert len(grads) == len(params), "backward returns one (dW, db) pair per layer."
        for layer, (pair, gpair) in enumerate(zip(params, grads, strict=True)):
            for name, p, g in zip(("dW", "db"), pair, gpair, strict=True):
                assert np.shape(g) == p.shape, (
                    f"{name} of layer {layer} has another shape than its parameter. Are the "
                    "gradients in the order of params, and is the batch summed out of db?")
                want = np.zeros_like(p)
                for k in np.ndindex(p.shape):
                    old = p[k]
                    p[k] = old + 1e-6
                    hi = np.sum(R * _logits(params, X))
                    p[k] = old - 1e-6
                    lo = np.sum(R * _logits(params, X))
                    p[k] = old
                    want[k] = (hi - lo) / 2e-6
                assert np.allclose(g, want, atol=1e-4), (
                    f"{name} of layer {layer} disagrees with central differences. Last layer "
                    "wrong: look at the product with its input. Only earlier layers wrong: look "
                    "at the ReLU mask (it belongs to that layer's own output) and at W transposed. "
                    "db: sum, not average, over the batch; dlogits already holds any 1/B.")


def test_relu_slope_at_zero():
    params = [(np.zeros((2, 3)), np.zeros(3)), (np.ones((3, 2)), np.zeros(2))]
    _, cache = s.forward(params, np.ones((4, 2)))
    (dW, db), _ = s.backward(params, cache, np.ones((4, 2)))
    assert not np.any(dW) and not np.any(db), (
        "Units whose pre-activation is exactly 0 must pass no gradient: the task sets the slope "
        "of the ReLU at 0 to 0.")


def test_sgd_step_makes_new_arrays():
    params = _params([2, 3, 2], 9)
    grads = _params([2, 3, 2], 10)
    before = [(W.copy(), b.copy()) for W, b in params]
    new = s.sgd_step(params, grads, 0.1)
    for (W, b), (dW, db), (nW, nb) in zip(before, grads, new, strict=True):
        assert np.allclose(nW, W - 0.1 * dW) and np.allclose(nb, b - 0.1 * db), (
            "The step must move every weight and bias by lr times its gradient, downhill.")
    assert all(np.array_equal(a, c) and np.array_equal(b, d) for (a, b), (c, d) in
               zip(params, before, strict=True)), (
        "sgd_step changed the old parameters: -= works in place. Build new arrays.")


def test_no_side_effects():
    params = _params([3, 4, 2], 11)
    rng = np.random.default_rng(12)
    X, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    X0 = X.copy()
    logits, cache = s.forward(params, X)
    z0 = logits.copy()
    _, dz = s.softmax_cross_entropy(logits, y)
    assert np.array_equal(logits, z0), "softmax_cross_entropy overwrote the logits it was given."
    d0 = dz.copy()
    s.backward(params, cache, dz)
    assert np.array_equal(dz, d0) and np.array_equal(X, X0), (
        "backward or forward overwrote one of its inputs.")


def test_train_learns_a_curved_boundary():
    X, y = _moons(90, 13)
    X0 = X.copy()
    params, losses = s.train(X, y, [24, 16], 2, 0.2, 80, 32, np.random.default_rng(14))
    assert len(losses) == 80, "losses holds one value per epoch."
    assert [np.shape(W) for W, _ in params] == [(2, 24), (24, 16), (16, 2)], (
        "train must build the layers input -> hidden... -> classes.")
    assert 0.1 < losses[0] < 2.5, (
        "The first epoch's mean loss should have the size of log(2) for two classes: losses are "
        "means of batch losses, not sums.")
    acc = np.mean(np.asarray(s.predict(params, X)) == y)
    assert acc > 0.96 and losses[-1] < 0.12, (
        "The network does not learn two interleaved half-moons. If single gradients are right, "
        "check that updated parameters are used, and that examples and labels are shuffled with "
        "the SAME order.")
    assert np.array_equal(X, X0), "train must not shuffle the caller's array in place."


def test_train_uses_the_last_partial_batch():
    X = np.vstack([np.tile([[-1.0, 0.0]], (3, 1)), np.tile([[1.0, 0.0]], (2, 1))])
    y = np.array([0, 0, 0, 1, 1])
    params, losses = s.train(X, y, [8], 2, 0.3, 60, 64, np.random.default_rng(15))
    good = np.asarray(s.predict(params, X)).tolist() == y.tolist()
    assert np.isfinite(losses[-1]) and losses[-1] < 0.3 and good, (
        "With fewer examples than batch_size nothing was learned: the last, smaller batch "
        "must be used too.")
    params, losses = s.train(X, y, [8], 2, 0.0, 2, 64, np.random.default_rng(16))
    assert np.allclose(losses, _ce(_logits(params, X), y)), (
        "With learning rate 0 and a single batch every epoch's loss is the loss of the initial "
        "network. Is the smaller batch skipped, or its loss rescaled?")


def test_predict():
    params = [(np.eye(3), np.array([0.0, 0.5, 0.0]))]
    got = np.asarray(s.predict(params, np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 2.0]])))
    assert got.tolist() == [0, 1, 2], "predict returns the index of the largest logit per row."
