import numpy as np
import submission as s


def close(got, want, msg, tol=1e-6):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{msg} [shape {got.shape}, expected {want.shape}]"
    assert np.isfinite(got).all(), f"{msg} [the result contains NaN or infinity]"
    assert np.allclose(got, want, atol=tol, rtol=tol), msg


def back(q, scale, zero_point=0):
    return (np.asarray(q).astype(float) - zero_point) * scale


def check_codes(q, x, low, what):
    q = np.asarray(q)
    assert q.dtype == np.int8, f"{what}: codes must have dtype int8, not {q.dtype}."
    assert q.shape == x.shape, f"{what}: codes must have the shape of the input."
    assert int(q.min()) >= low, f"{what}: codes must lie in {low}..127."


def test_absmax():
    for seed, size in ((0, (50,)), (1, (4, 7)), (2, (2, 3, 5))):
        x = np.random.default_rng(seed).normal(size=size) * 3
        q, scale = s.quantize_absmax(x)
        check_codes(q, x, -127, "absmax")
        close(scale, np.abs(x).max() / 127, "The absmax scale is max|x| / 127.", 1e-9)
        error = np.abs(back(q, scale) - x)
        worst = np.abs(x).argmax()
        assert error.flat[worst] <= scale, (
            "The largest entry comes back wrong (often with the other sign): its code does not fit "
            "into int8 and wraps around."
        )
        assert error.max() <= scale / 2 * 1.0001, (
            "An entry is off by more than half a scale: round to the nearest integer; a cast to "
            "int8 cuts decimals off."
        )


def test_absmax_uses_negative_extremes():
    x = np.array([0.5, -4.0, 1.0])
    q, scale = s.quantize_absmax(x)
    close(back(q, scale), x, "The largest ABSOLUTE value sets the scale, here -4.", 0.02)
    assert int(np.asarray(q)[1]) == -127, "The entry with the largest absolute value has code -127."


def test_absmax_of_zeros():
    with np.errstate(all="ignore"):
        q, scale = s.quantize_absmax(np.zeros((2, 3)))
    assert scale == 1.0, "If all entries are 0 the scale must be 1: avoid dividing by 0."
    assert not np.asarray(q).any(), "Zeros must have code 0."


def test_zero_point():
    rng = np.random.default_rng(3)
    for x in (rng.normal(size=60) + 1.5, rng.random((5, 8)) * 6 - 1, -rng.random(40) * 9):
        q, scale, z = s.quantize_zero_point(x)
        check_codes(q, x, -128, "zero point")
        low, high = min(x.min(), 0), max(x.max(), 0)
        close(scale, (high - low) / 255, "The scale is (high - low) / 255, with 0 in the range.")
        assert int(z) == z and -128 <= z <= 127, "The zero point is an integer code."
        error = np.abs(back(q, scale, z) - x).max()
        assert error <= scale * 1.001, (
            f"Dequantized entries are off by {error / scale:.1f} scales: the code of x is "
            "round(x / scale) + zero_point, and `low` must land on -128."
        )
        assert np.abs(back(q, scale, z) - x).mean() < 0.3 * scale, "Round to nearest, do not cut."


def test_zero_point_represents_zero():
    x = np.array([3.0, 5.5, 4.2, 9.0])
    q, scale, z = s.quantize_zero_point(x)
    close(scale, 9.0 / 255, "All entries are positive: the range must be extended down to 0.")
    q, scale, z = s.quantize_zero_point(np.array([-1.3, 0.0, 2.9]))
    assert back(q, scale, z)[1] == 0.0, "The value 0.0 must come back as exactly 0.0."


def test_zero_point_uses_all_codes():
    x = np.linspace(0, 10, 200)
    q, scale, z = s.quantize_zero_point(x)
    q = np.asarray(q)
    assert int(q.min()) == -128 and int(q.max()) == 127, (
        "For data from 0 to 10 the codes must run from -128 to 127: that is the point of a zero "
        "point (absmax would leave the negative half unused)."
    )
    with np.errstate(all="ignore"):
        q, scale, z = s.quantize_zero_point(np.zeros(3))
    close(back(q, scale, z), np.zeros(3), "An array of zeros must come back as zeros.")
    assert scale == 1.0, "With an empty range the scale must be 1."


def test_dequantize():
    q = np.array([[-128, 127, 5], [0, -3, 100]], dtype=np.int8)
    close(s.dequantize(q, 0.5), q.astype(float) * 0.5, "dequantize(q, scale) is q * scale.")
    close(
        s.dequantize(q, 0.25, -100),
        (q.astype(float) + 100) * 0.25,
        "With a zero point, subtract it before scaling, and widen first: int8 differences beyond "
        "127 wrap around.",
    )
    scales = np.array([[2.0], [0.1]])
    close(s.dequantize(q, scales), q.astype(float) * scales, "An array of scales must broadcast.")


def test_per_channel():
    rng = np.random.default_rng(4)
    w = rng.normal(size=(4, 6)) * 10.0 ** rng.integers(-3, 3, size=(4, 1))
    for a, axis in ((w, 0), (w.T, 1), (w.T, -1), (rng.normal(size=(3, 4, 5)), 1)):
        q, scales = s.quantize_per_channel(a, axis)
        check_codes(q, a, -127, "per channel")
        others = tuple(i for i in range(a.ndim) if i != axis % a.ndim)
        want = np.abs(a).max(axis=others, keepdims=True) / 127
        assert np.shape(scales) == want.shape, (
            f"For shape {a.shape} and axis={axis} the scales need shape {want.shape}: one per "
            "index of the axis, the maximum being taken over all OTHER axes, which are kept."
        )
        close(scales, want, "A channel's scale is its own max|w| / 127.", 1e-9)
        error = np.abs(back(q, scales) - a)
        assert (error <= want / 2 * 1.0001).all(), (
            "A channel has an error above half of its own scale: small channels must not be "
            "rounded with the scale of large ones."
        )


def test_per_channel_zeros():
    w = np.array([[1.0, -2.0], [0.0, 0.0]])
    with np.errstate(all="ignore"):
        q, scales = s.quantize_per_channel(w, 0)
    close(scales, [[2 / 127], [1.0]], "A channel of zeros must get scale 1.")
    close(back(q, scales), w, "A channel of zeros must come back as zeros.", 0.01)


def slow_matmul(x, w):
    out = np.zeros((len(x), w.shape[1]))
    for i, row in enumerate(x):
        for j, col in enumerate(w.T):
            a, b = np.abs(row).max() / 127 or 1.0, np.abs(col).max() / 127 or 1.0
            out[i, j] = a * b * np.sum(np.rint(row / a) * np.rint(col / b))
    return out


def test_int8_matmul():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(5, 64)) * np.array([[0.01], [1], [30], [1], [5]])
    w = rng.normal(size=(64, 7)) * 10.0 ** rng.integers(-2, 3, size=7)
    got = np.asarray(s.int8_matmul(x, w))
    want = slow_matmul(x, w)
    assert got.shape == (5, 7), "int8_matmul must have shape (n, m)."
    size = np.abs(x) @ np.abs(w)
    assert (np.abs(got - x @ w) <= 0.02 * size).all(), (
        "The product is far from x @ w. Sums of products of codes reach 64 * 127 * 127 and do not "
        "fit into int8: accumulate in int32. And each row of x and column of w has its own scale."
    )
    assert (np.abs(got - want) <= 1e-4 * size + 1e-12).all(), (
        "Close to x @ w, but not the product of the codes: one scale per ROW of x and per COLUMN "
        "of w, rounded to nearest."
    )


def test_matmul_with_zeros():
    x, w = np.ones((2, 3)), np.ones((3, 2))
    x[1], w[:, 0] = 0, 0
    with np.errstate(all="ignore"):
        got = s.int8_matmul(x, w)
    close(got, [[0.0, 3.0], [0.0, 0.0]], "Rows or columns of zeros must give zeros, not NaN.")


def test_relative_error():
    rng = np.random.default_rng(6)
    a = rng.normal(size=(4, 5))
    b = a + 0.1 * rng.normal(size=(4, 5))
    want = np.sqrt(((a - b) ** 2).sum() / (a**2).sum())
    close(s.relative_error(a, b), want, "relative_error divides by the norm of the exact array.")


def test_inputs_unchanged():
    x = np.random.default_rng(7).normal(size=(3, 4))
    before = x.copy()
    s.quantize_absmax(x)
    s.quantize_zero_point(x)
    s.quantize_per_channel(x, 0)
    s.int8_matmul(x, x.T)
    assert np.array_equal(x, before), "A function changed its input in place."
