import numpy as np
import submission as s


def _loss(v, u, N):
    return np.log1p(np.exp(-(u @ v))) + np.sum(np.log1p(np.exp(N @ v)))


def _vectors(d, K, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=d), rng.normal(size=(K, d))


def test_build_pairs():
    got = [tuple(p) for p in s.build_pairs([7, 3, 9, 3, 1], 2)]
    want = [(7, 3), (7, 9), (3, 7), (3, 9), (3, 3), (9, 7), (9, 3), (9, 3), (9, 1),
            (3, 3), (3, 9), (3, 1), (1, 9), (1, 3)]
    assert sorted(got) == sorted(want), (
        "Wrong set of pairs. The window reaches `window` positions to BOTH sides, is cut at the "
        "ends of the text (no wrap-around), and leaves out the center's own POSITION; the same "
        "word at another position is a valid context.")
    assert got == want, "The pairs are right but their order is not: center first, then context."
    assert len(s.build_pairs(list(range(30)), 5)) == 30 * 10 - 30, (
        "A window of 5 gives up to 10 contexts per word; an off-by-one in the range?")
    assert list(s.build_pairs([4], 3)) == [], "A single word has no context."


def test_noise_distribution():
    p = np.asarray(s.noise_distribution(np.array([1, 16, 81])))
    assert np.isclose(p.sum(), 1), "The noise distribution must sum to 1."
    assert np.allclose(p, np.array([1, 8, 27]) / 36), (
        "Raise the COUNTS to the power 0.75 and then normalize: frequent words are damped.")
    flat = np.asarray(s.noise_distribution(np.array([2, 50, 9, 4]), power=0.0))
    assert np.allclose(flat, 0.25), "With power 0 all words are equally likely: is power used?"


def test_loss_value():
    for d, K, seed in [(4, 1, 0), (7, 5, 1), (3, 12, 2)]:
        v, u, N = _vectors(d, K, seed)
        got = s.loss_and_grads(v, u, N)[0]
        assert np.isclose(got, _loss(v, u, N)), (
            "Wrong loss. The true pair wants a LARGE dot product, each negative a SMALL one: mind "
            "the sign inside the sigmoid, and sum (do not average) over the negatives.")


def test_gradients():
    for d, K, seed in [(4, 1, 3), (6, 5, 4), (3, 10, 5)]:
        v, u, N = _vectors(d, K, seed)
        _, gv, gu, gN = s.loss_and_grads(v, u, N)
        for name, x, g in (("u", u, gu), ("N", N, gN), ("v", v, gv)):
            assert np.shape(g) == x.shape, f"The gradient of {name} must have the shape of {name}."
            want = np.zeros_like(x)
            for k in np.ndindex(x.shape):
                old = x[k]
                x[k] = old + 1e-6
                hi = _loss(v, u, N)
                x[k] = old - 1e-6
                lo = _loss(v, u, N)
                x[k] = old
                want[k] = (hi - lo) / 2e-6
            assert np.allclose(g, want, atol=1e-6), (
                f"The gradient of {name} disagrees with central differences. The error factor is "
                "sigmoid(dot) minus label: label 1 for the true context, 0 for negatives. v takes "
                "part in ALL K + 1 terms.")


def test_extreme_dot_products():
    v = np.array([20.0, 0.0])
    u = np.array([-40.0, 1.0])
    N = np.array([[30.0, 0.0], [-50.0, 2.0]])
    loss, gv, gu, gN = s.loss_and_grads(v, u, N)
    assert np.isfinite(loss) and np.isclose(loss, 800 + 600), (
        "A very wrong dot product must cost about its size. inf or nan means log(0); a small "
        "value means clipping. Use a stable log-sigmoid.")
    assert all(np.all(np.isfinite(g)) for g in (gv, gu, gN)), "Gradients overflowed to nan or inf."
    assert np.allclose(gv, [40.0 + 30.0, -1.0]), (
        "At saturation the error factors are -1, 1 and 0; the gradient of v follows from them.")


def test_loss_and_grads_has_no_side_effects():
    v, u, N = _vectors(5, 3, 6)
    a, b, c = v.copy(), u.copy(), N.copy()
    s.loss_and_grads(v, u, N)
    assert np.array_equal(v, a) and np.array_equal(u, b) and np.array_equal(N, c), (
        "loss_and_grads changed its arguments.")


def _expected(W_in, W_out, c, o, negs, lr):
    A, B = W_in.copy(), W_out.copy()
    v = W_in[c]
    rows = [(o, 1.0)] + [(int(n), 0.0) for n in negs]
    for r, label in rows:
        e = 1 / (1 + np.exp(-W_out[r] @ v)) - label
        A[c] -= lr * e * W_out[r]
        B[r] -= lr * e * v
    return A, B


def _step(negs, seed, c=2, o=5, lr=0.3):
    rng = np.random.default_rng(seed)
    W_in, W_out = rng.normal(size=(9, 4)), rng.normal(size=(9, 4))
    A, B = _expected(W_in, W_out, c, o, negs, lr)
    want = _loss(W_in[c], W_out[o], W_out[negs])
    loss = s.sgd_step(W_in, W_out, c, o, np.array(negs), lr)
    return W_in, W_out, A, B, loss, want


def test_step_plain():
    W_in, W_out, A, B, loss, want = _step([0, 7, 8], 7)
    assert loss is not None and np.isclose(loss, want), (
        "sgd_step returns the loss BEFORE the update.")
    assert np.allclose(W_out, B), (
        "W_out is wrong after a step: the context row and the negative rows change, the others "
        "do not, and the gradients use the center vector as it was BEFORE the step.")
    assert np.allclose(W_in, A), (
        "W_in is wrong after a step: only the center row changes, with gradients from the rows "
        "of W_out as they were BEFORE the step.")


def test_step_repeated_negatives():
    _, W_out, _, B, _, _ = _step([3, 3, 8, 3], 8)
    assert np.allclose(W_out, B), (
        "An id that is drawn several times must receive all its contributions. Fancy indexing "
        "with -= keeps only the last one of repeated rows.")


def test_step_negative_equals_context():
    _, W_out, _, B, _, _ = _step([5, 1], 9)
    assert np.allclose(W_out, B), (
        "If a negative equals the context, the row gets both contributions, each computed "
        "from the old values.")


def test_step_same_center_and_context():
    W_in, W_out, A, B, _, _ = _step([2, 6], 10, c=2, o=2)
    assert np.allclose(W_in, A) and np.allclose(W_out, B), (
        "Center and context may be the same word: its two vectors lie in different matrices.")


def test_training_separates_topics():
    rng = np.random.default_rng(11)
    text = []
    for _ in range(50):
        base = 0 if rng.random() < 0.5 else 5
        text += (base + rng.integers(0, 5, 8)).tolist() + [10]
    pairs = s.build_pairs(text, 2)
    p = np.asarray(s.noise_distribution(np.bincount(text, minlength=11)))
    W_in, W_out = rng.normal(size=(11, 12)) * 0.1, np.zeros((11, 12))
    losses = []
    for _ in range(4):
        negs = rng.choice(11, size=(len(pairs), 4), p=p)
        losses.append(np.mean([s.sgd_step(W_in, W_out, c, o, n, 0.1)
                               for (c, o), n in zip(pairs, negs, strict=True)]))
    assert losses[-1] < losses[0], "The mean loss does not fall over the epochs."
    good = sum(j < 5 for i in range(5) for j in s.most_similar(W_in[:10], i, 3))
    assert good >= 12, "Words of the same topic should have ended up as neighbors."


def test_most_similar():
    W = np.array([[1.0, 0.0], [0.9, 0.1], [50.0, 50.0], [-3.0, 0.0], [0.02, 0.001]])
    got = list(s.most_similar(W, 0, 3))
    assert 0 not in got, "The word itself is always its nearest neighbor: leave it out."
    assert got == [4, 1, 2], (
        "Neighbors must be ranked by COSINE, best first: long vectors get no bonus.")
    assert len(s.most_similar(W, 3, 4)) == 4, "Return k ids when that many others exist."
