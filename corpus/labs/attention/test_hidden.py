import numpy as np
import submission as s


def close(got, want, msg, tol=1e-8):
    got = np.asarray(got)
    assert got.shape == want.shape, f"{msg} [shape {got.shape}, expected {want.shape}]"
    assert np.isfinite(got).all(), f"{msg} [the result contains NaN or infinity]"
    assert np.allclose(got, want, atol=tol, rtol=tol), msg


def slow_attention(q, k, v, mask):
    """One head, one example, written with plain loops."""
    n, m = len(q), len(k)
    out, weights = np.zeros((n, v.shape[1])), np.zeros((n, m))
    for i in range(n):
        seen = [j for j in range(m) if mask[i, j]]
        if not seen:
            continue
        sc = np.array([q[i] @ k[j] for j in seen]) / np.sqrt(q.shape[1])
        e = np.exp(sc - sc.max())
        for w, j in zip(e / e.sum(), seen):
            weights[i, j] = w
            out[i] += w * v[j]
    return out, weights


def slow_mha(x_q, x_kv, w_q, w_k, w_v, w_o, h, mask):
    b, n, d = x_q.shape
    m, w = x_kv.shape[1], d // h
    out = np.zeros((b, n, d))
    for e in range(b):
        mk = np.ones((n, m), bool) if mask is None else (mask if mask.ndim == 2 else mask[e])
        q, k, v = x_q[e] @ w_q, x_kv[e] @ w_k, x_kv[e] @ w_v
        heads = [
            slow_attention(*(a[:, i * w : (i + 1) * w] for a in (q, k, v)), mk)[0]
            for i in range(h)
        ]
        out[e] = np.concatenate(heads, axis=1) @ w_o
    return out


def test_softmax_values_and_axis():
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in (-1, 0, 1):
        e = np.exp(x)
        close(
            s.softmax(x, axis=axis),
            e / e.sum(axis=axis, keepdims=True),
            f"softmax(x, axis={axis}) is off: exponentiate, then divide by the sum along that axis "
            "(keep the reduced axis so that the division broadcasts).",
        )


def test_softmax_is_stable():
    x = np.array([[1000.0, 1001.0, 999.0], [-1000.0, -1000.0, -1002.0]])
    with np.errstate(all="ignore"):
        got = s.softmax(x)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    close(
        got,
        e / e.sum(axis=1, keepdims=True),
        "softmax breaks for large scores: exp(1000) overflows. Softmax does not change when the "
        "same number is subtracted from a whole slice; choose that number well.",
    )


def test_softmax_of_nothing_is_zero():
    x = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
    with np.errstate(all="ignore"):
        got = s.softmax(x)
    close(
        got,
        np.array([[0.0, 0.0], [1.0, 0.0]]),
        "A slice of -inf only must give zeros: watch for -inf minus -inf and for 0 divided by 0.",
    )


def test_causal_mask():
    got = np.asarray(s.causal_mask(5))
    assert got.shape == (5, 5), "causal_mask(n) must have shape (n, n)."
    assert got.dtype == bool, "causal_mask must be boolean (True = may look)."
    assert got[0, 0] and got[4, 4], "A position may look at itself: the diagonal must be True."
    assert got[3, 1], "A later position may look at an earlier one: rows are queries."
    assert not got[1, 3], "Position 1 must not see position 3: that would be the future."
    assert got.sum() == 15, "With n = 5 a causal mask allows 1 + 2 + 3 + 4 + 5 pairs."


def test_attention_scale_and_weights():
    rng = np.random.default_rng(1)
    q, k, v = rng.normal(size=(3, 9)), rng.normal(size=(4, 9)), rng.normal(size=(4, 2))
    out, weights = s.scaled_dot_product_attention(q, k, v)
    want, want_w = slow_attention(q, k, v, np.ones((3, 4), bool))
    close(
        np.asarray(weights).sum(axis=-1),
        np.ones(3),
        "Every query's weights must sum to 1 over the keys: check the axis of the softmax.",
    )
    close(weights, want_w, "The weights are off: are the scores divided by the root of d_k?")
    close(out, want, "The weights are right but the output is not: it is weights times values.")


def test_attention_with_leading_axes():
    rng = np.random.default_rng(2)
    q, k, v = (rng.normal(size=(2, 3, n, d)) for n, d in ((4, 5), (6, 5), (6, 7)))
    out, weights = s.scaled_dot_product_attention(q, k, v)
    assert np.shape(out) == (2, 3, 4, 7), "The output keeps the leading axes: (..., n, d_v)."
    assert np.shape(weights) == (2, 3, 4, 6), "The weights keep the leading axes: (..., n, m)."
    want = slow_attention(q[1, 2], k[1, 2], v[1, 2], np.ones((4, 6), bool))[0]
    close(out[1, 2], want, "With leading axes, only the last two axes take part in attention.")


def test_attention_mask():
    rng = np.random.default_rng(3)
    q, k, v = (rng.normal(size=(2, n, 4)) for n in (5, 6, 6))
    mask = rng.random((2, 5, 6)) < 0.5
    mask[..., 0] = True
    out, weights = s.scaled_dot_product_attention(q, k, v, mask)
    assert np.allclose(np.asarray(weights)[~mask], 0.0), (
        "Weights where the mask is False must be 0: True means 'may look', and the mask must "
        "really be applied."
    )
    for e in range(2):
        want, want_w = slow_attention(q[e], k[e], v[e], mask[e])
        close(
            weights[e],
            want_w,
            "Masked weights are off: the visible weights of a query must still sum to 1, so the "
            "mask has to act before the softmax.",
        )
        close(out[e], want, "The masked output is off although the weights are right.")


def test_query_that_sees_nothing():
    rng = np.random.default_rng(4)
    q, k, v = (rng.normal(size=(3, 4)) for _ in range(3))
    mask = np.array([[True, False, True], [False, False, False], [True, True, True]])
    with np.errstate(all="ignore"):
        out, weights = s.scaled_dot_product_attention(q, k, v, mask)
    want, want_w = slow_attention(q, k, v, mask)
    close(weights, want_w, "A query that may look at nothing must get zero weights, not NaN.")
    close(out, want, "A query that may look at nothing must get a zero output.")


def test_split_and_merge():
    x = np.random.default_rng(5).normal(size=(2, 5, 12))
    got = s.split_heads(x, 3)
    want = np.stack([x[:, :, 0:4], x[:, :, 4:8], x[:, :, 8:12]], axis=1)
    close(
        got,
        want,
        "split_heads mixes positions and columns: head h must hold the h-th block of columns of "
        "every position. A bare reshape to (b, h, n, d/h) does not do that.",
    )
    close(s.merge_heads(want), x, "merge_heads must undo the split: bring the heads back first.")


def test_split_rejects_bad_width():
    try:
        s.split_heads(np.zeros((1, 2, 10)), 4)
    except ValueError as error:
        assert "reshape" not in str(error), "Check the width yourself and say what does not fit."
        return
    assert False, "split_heads must raise ValueError when the heads do not divide the width."


def mha_case(seed, b, n, m, d):
    rng = np.random.default_rng(seed)
    x_q, x_kv = rng.normal(size=(b, n, d)), rng.normal(size=(b, m, d))
    return rng, x_q, x_kv, [rng.normal(size=(d, d)) / np.sqrt(d) for _ in range(4)]


def test_multi_head_cross():
    _, x_q, x_kv, w = mha_case(6, 2, 5, 5, 8)
    close(
        s.multi_head_attention(x_q, x_kv, *w, 4),
        slow_mha(x_q, x_kv, *w, 4, None),
        "Multi-head attention is off without a mask: queries come from x_q, keys and values from "
        "x_kv; every head is scaled by its own width; w_o acts on the merged heads.",
    )


def test_multi_head_causal():
    _, x, _, w = mha_case(7, 2, 6, 6, 6)
    mask = np.tril(np.ones((6, 6), bool))
    close(
        s.multi_head_attention(x, x, *w, 2, mask),
        slow_mha(x, x, *w, 2, mask),
        "A shared (n, m) mask gives wrong results: it must reach every head of every example.",
    )


def test_multi_head_mask_per_example():
    # as many heads as examples: a mask laid over the wrong axis goes unnoticed by broadcasting
    rng, x, _, w = mha_case(8, 3, 4, 4, 6)
    mask = rng.random((3, 4, 4)) < 0.6
    mask[..., 1] = True
    try:
        got = s.multi_head_attention(x, x, *w, 3, mask)
    except ValueError as error:
        raise AssertionError(f"A (b, n, m) mask does not fit the (b, h, n, m) scores: {error}")
    close(
        got,
        slow_mha(x, x, *w, 3, mask),
        "A (b, n, m) mask belongs to examples, not to heads: all heads of an example share it.",
    )


def test_inputs_unchanged():
    _, x, _, w = mha_case(9, 2, 4, 4, 4)
    mask = np.tril(np.ones((4, 4), bool))
    before = [a.copy() for a in (x, *w, mask)]
    s.multi_head_attention(x, x, *w, 2, mask)
    q, k, v = x[0], x[1], x[0].copy()
    s.scaled_dot_product_attention(q, k, v, mask)
    for a, b in zip((x, *w, mask), before):
        assert np.array_equal(a, b), "The function changed one of its inputs in place."
