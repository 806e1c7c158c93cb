import numpy as np
import submission as s


def _params(V, H, seed, scale=0.6):
    rng = np.random.default_rng(seed)
    shapes = {"Wx": (V, H), "Wh": (H, H), "bh": (H,), "Wy": (H, V), "by": (V,)}
    return {k: scale * rng.normal(size=v) for k, v in shapes.items()}


def _forward(p, xs, h):
    hs, zs = [h], []
    for x in xs:
        h = np.tanh(p["Wx"][x] + h @ p["Wh"] + p["bh"])
        hs.append(h)
        zs.append(h @ p["Wy"] + p["by"])
    return np.array(zs), np.array(hs)


def _loss(p, xs, ys, h):
    z, _ = _forward(p, xs, h)
    m = z.max(1)
    return float(np.mean(m + np.log(np.exp(z - m[:, None]).sum(1)) - z[np.arange(len(ys)), ys]))


def _case(V, H, T, seed):
    rng = np.random.default_rng(seed + 100)
    return (_params(V, H, seed), rng.integers(0, V, T), rng.integers(0, V, T),
            rng.normal(size=H) * 0.5)


def _numeric(p, name, xs, ys, h):
    g = np.zeros_like(p[name])
    for k in np.ndindex(g.shape):
        old = p[name][k]
        p[name][k] = old + 1e-5
        hi = _loss(p, xs, ys, h)
        p[name][k] = old - 1e-5
        lo = _loss(p, xs, ys, h)
        p[name][k] = old
        g[k] = (hi - lo) / 2e-5
    return g


def test_forward():
    for V, H, T, seed in [(5, 3, 4, 0), (4, 7, 9, 1), (6, 2, 1, 2)]:
        p, xs, _, h = _case(V, H, T, seed)
        z, hs = s.forward(p, xs, h)
        wz, whs = _forward(p, xs, h)
        assert np.shape(z) == (T, V) and np.shape(hs) == (T + 1, H), (
            "logits have shape (T, V) and states (T + 1, H): the initial state is kept too.")
        assert np.allclose(hs[0], h), "hs[0] must be the given initial state, not zeros."
        assert np.allclose(hs, whs), (
            "The states are wrong. The previous state multiplies Wh from the LEFT (h @ Wh), and "
            "input row, recurrent part and bias are added before tanh.")
        assert np.allclose(z, wz), "The logits are h_t @ Wy + by, with the NEW state h_t."


def test_loss():
    for V, H, T, seed in [(5, 3, 4, 3), (8, 4, 11, 4)]:
        p, xs, ys, h = _case(V, H, T, seed)
        got = s.bptt(p, xs, ys, h)[0]
        assert np.isclose(got, _loss(p, xs, ys, h)), (
            "The loss is the MEAN over the steps of -log softmax(z_t)[target_t].")


def test_large_logits():
    p, xs, ys, h = _case(4, 3, 5, 5)
    p["by"] = np.array([1000.0, 0.0, -1000.0, 500.0])
    loss, grads = s.bptt(p, xs, ys, h)
    assert np.isfinite(loss) and all(np.all(np.isfinite(g)) for g in grads.values()), (
        "Large logits overflowed: subtract the maximum of each step before exp.")
    assert np.isclose(loss, _loss(p, xs, ys, h)), "With large logits the loss is clipped or wrong."


def test_single_step_gradients():
    p, xs, ys, h = _case(5, 4, 1, 6)
    _, grads = s.bptt(p, xs, ys, h)
    assert set(grads) == set(p), "grads must have the keys of params."
    for name in ("by", "Wy", "bh", "Wx", "Wh"):
        assert np.shape(grads[name]) == p[name].shape, f"The gradient of {name} has a wrong shape."
        assert np.allclose(grads[name], _numeric(p, name, xs, ys, h), atol=1e-7), (
            f"Even for a single step the gradient of {name} is wrong. For by and Wy look at "
            "softmax minus one-hot; for the others at the slope of tanh, 1 - h^2 with the OUTPUT "
            "h; Wh multiplies the state BEFORE the step.")


def test_full_gradients():
    for V, H, T, seed in [(6, 3, 3, 7), (9, 5, 8, 8), (12, 4, 6, 9)]:
        p, _, ys, h = _case(V, H, T, seed)
        xs = np.random.default_rng(seed).permutation(V)[:T]
        _, grads = s.bptt(p, xs, ys, h)
        for name in ("by", "Wy", "bh", "Wx", "Wh"):
            assert np.allclose(grads[name], _numeric(p, name, xs, ys, h), atol=1e-6), (
                f"The gradient of {name} is wrong over several steps. Divide by T once; let the "
                "gradient of h_t also include what comes back from step t + 1 through Wh "
                "transposed and tanh.")


def test_repeated_tokens():
    p, _, ys, h = _case(5, 4, 9, 10)
    xs = np.array([2, 2, 0, 2, 1, 1, 2, 4, 0])
    _, grads = s.bptt(p, xs, ys, h)
    assert np.allclose(grads["Wx"], _numeric(p, "Wx", xs, ys, h), atol=1e-6), (
        "With repeated tokens the gradient of Wx is wrong: a row must collect the contributions "
        "of ALL steps that read the token.")
    assert not np.any(np.asarray(grads["Wx"])[3]), "A token that never occurs has gradient zero."


def test_long_range_gradient():
    p, xs, ys, h = _case(10, 6, 7, 11)
    p["Wh"] = np.linalg.qr(np.random.default_rng(12).normal(size=(6, 6)))[0]
    xs = np.array([9, 0, 1, 2, 3, 4, 5])
    _, grads = s.bptt(p, xs, ys, h)
    assert np.allclose(np.asarray(grads["Wx"])[9], _numeric(p, "Wx", xs, ys, h)[9], atol=1e-7), (
        "The token at step 0 influences all later losses; its gradient must come back through "
        "every step, not only the nearest ones.")


def test_bptt_has_no_side_effects():
    p, xs, ys, h = _case(5, 3, 6, 13)
    before = {k: v.copy() for k, v in p.items()}
    h_before = h.copy()
    a = s.bptt(p, xs, ys, h)
    b = s.bptt(p, xs, ys, h)
    assert all(np.array_equal(p[k], before[k]) for k in p) and np.array_equal(h, h_before), (
        "bptt changed its parameters or the initial state.")
    assert all(np.allclose(a[1][k], b[1][k]) for k in p), (
        "A second call gives other gradients: start from zeros each time.")


def test_numerical_gradient():
    x = np.random.default_rng(14).normal(size=(3, 2))
    before = x.copy()
    got = np.asarray(s.numerical_gradient(lambda: float(np.sum(x**3)), x))
    assert np.array_equal(x, before), (
        "Every entry must be restored EXACTLY: remember the old value; adding and subtracting eps "
        "leaves rounding errors.")
    assert got.shape == x.shape and np.allclose(got, 3 * x**2, atol=1e-6), (
        "Wrong numerical gradient: one entry at a time, divided by 2 eps.")
    got = np.asarray(s.numerical_gradient(lambda: float(np.sum(x**2 * x[::-1])), x, eps=0.01))
    want = 2 * x * x[::-1] + (x**2)[::-1]
    want[1] = 3 * x[1] ** 2
    assert np.allclose(got, want, atol=2e-4), (
        "With eps = 0.01 a one-sided difference is visibly off; the central one is not.")


def test_clip():
    g = {"a": np.array([[3.0, 0.0], [0.0, 0.0]]), "b": np.array([0.0, 4.0])}
    got = s.clip_gradients(g, 2.5)
    norm = np.sqrt(sum(np.sum(np.square(v)) for v in got.values()))
    assert np.isclose(norm, 2.5), (
        "After clipping the norm of all gradients TOGETHER must be max_norm.")
    assert np.allclose(got["a"], g["a"] * 0.5) and np.allclose(got["b"], g["b"] * 0.5), (
        "Scale every array by the SAME factor: clipping each tensor or each entry by itself "
        "changes the direction of the step.")
    assert g["b"][1] == 4.0, "clip_gradients changed its argument."
    for limit in (5.0, 100.0):
        same = s.clip_gradients(g, limit)
        assert all(np.allclose(same[k], g[k]) for k in g), (
            "Gradients within the limit must stay as they are: never scale up.")
    zero = s.clip_gradients({"a": np.zeros(3)}, 1.0)
    assert np.array_equal(zero["a"], np.zeros(3)), "Zero gradients gave nan: 0 / 0 in the scale."


def test_sample_greedy_limit():
    for seed in (15, 16, 17):
        p, _, _, h = _case(7, 6, 1, seed)
        h0 = h.copy()
        got = [int(t) for t in s.sample(p, h, 3, 12, 1e-6, np.random.default_rng(0))]
        want, token, state = [], 3, h
        for _ in range(12):
            z, hs = _forward(p, [token], state)
            state, token = hs[-1], int(z[0].argmax())
            want.append(token)
        assert len(got) == 12, "sample returns `length` tokens, without the first one."
        assert got == want, (
            "At a temperature close to 0 sampling must follow the argmax. Is the hidden state "
            "carried along, the drawn token fed back, and the logit DIVIDED by the temperature?")
        assert np.array_equal(h, h0), "sample changed the initial state in place."


def test_sample_probabilities():
    p = {k: np.zeros_like(v) for k, v in _params(4, 3, 18).items()}
    probs = np.array([0.1, 0.2, 0.3, 0.4])
    p["by"] = np.log(probs)
    rng = np.random.default_rng(19)
    for tau in (1.0, 0.5, 3.0):
        want = probs ** (1 / tau) / np.sum(probs ** (1 / tau))
        got = np.bincount(s.sample(p, np.zeros(3), 0, 4000, tau, rng), minlength=4) / 4000
        assert np.all(np.abs(got - want) < 0.04), (
            f"At temperature {tau} the tokens are not drawn from softmax(z / temperature). A low "
            "temperature sharpens the distribution, a high one flattens it.")


def test_bptt_can_train():
    pattern = [0, 1, 0, 2] * 8
    xs, ys = np.array(pattern[:-1]), np.array(pattern[1:])
    p = _params(3, 8, 20, scale=0.3)
    first = s.bptt(p, xs, ys, np.zeros(8))[0]
    for _ in range(250):
        loss, g = s.bptt(p, xs, ys, np.zeros(8))
        g = s.clip_gradients(g, 1.0)
        p = {k: p[k] - 0.5 * g[k] for k in p}
    assert loss < 0.15 < first, (
        "Training on 0 1 0 2 0 1 0 2 should succeed. What follows a 0 depends on the token two "
        "steps back, so the gradient must flow through time.")
