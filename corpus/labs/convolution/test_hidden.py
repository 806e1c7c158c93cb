import numpy as np
import submission as s

RNG = np.random.default_rng(7)
CASES = [  # B, C, H, W, F, K, stride, padding
    (2, 3, 6, 5, 4, 3, 1, 0),
    (1, 2, 5, 7, 3, 3, 1, 1),
    (2, 1, 8, 6, 2, 2, 2, 0),
    (2, 2, 7, 8, 3, 3, 2, 1),
    (1, 2, 6, 9, 2, 3, 3, 2),
]


def _data(case):
    B, C, H, W, F, K, _, _ = case
    return RNG.normal(size=(B, C, H, W)), RNG.normal(size=(F, C, K, K)), RNG.normal(size=F)


def _entry(x, w, b, stride, p, n, f, i, j):
    """One output value, straight from the definition."""
    total = b[f]
    for c in range(w.shape[1]):
        for u in range(w.shape[2]):
            for v in range(w.shape[3]):
                row, column = i * stride + u - p, j * stride + v - p
                if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                    total += w[f, c, u, v] * x[n, c, row, column]
    return total


def _size(n, k, stride, p):
    return len(range(0, n + 2 * p - k + 1, stride))


def test_output_size():
    for n in (5, 7, 28, 224):
        for k, stride, p in ((3, 1, 1), (3, 2, 1), (5, 1, 0), (7, 2, 3), (2, 2, 0)):
            assert s.output_size(n, k, stride, p) == _size(n, k, stride, p), (
                f"output_size({n}, {k}, {stride}, {p}) is off: round (n + 2p - K)/s down, add 1.")


def test_parameter_count():
    assert s.parameter_count(3, 64, 7) == 64 * 3 * 49 + 64, (
        "Each of the c_out filters has c_in * k * k weights and ONE bias.")
    assert s.parameter_count(1, 1, 1) == 2, "One weight and one bias."


def test_conv_without_padding():
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    w = np.array([[[[1.0, 0.0], [0.0, -2.0]]]])
    y = np.asarray(s.conv2d(x, w, np.array([0.5])))
    assert y.shape == (1, 1, 2, 3), "A 3 x 4 image and a 2 x 2 filter give a 2 x 3 output."
    want = x[0, 0, :2, :3] - 2 * x[0, 0, 1:, 1:] + 0.5
    assert np.allclose(y[0, 0], want), (
        "The values are off. The filter's corner [0, 0] meets the window's corner [0, 0] (no "
        "flipping), and every output gets the bias of its filter.")


def test_conv_for_all_settings():
    for case in CASES:
        x, w, b = _data(case)
        stride, p = case[6:]
        y = np.asarray(s.conv2d(x, w, b, stride, p))
        shape = (x.shape[0], w.shape[0], _size(x.shape[2], w.shape[2], stride, p),
                 _size(x.shape[3], w.shape[2], stride, p))
        assert y.shape == shape, (
            f"Wrong shape for stride {stride} and padding {p}: height and width are computed "
            "apart, and the padding counts on both sides.")
        for n, f, i, j in np.ndindex(*shape):
            assert np.isclose(y[n, f, i, j], _entry(x, w, b, stride, p, n, f, i, j)), (
                f"A value is off for stride {stride} and padding {p}. Pad with zeros on all four "
                "sides, step by the stride in both directions, sum over all channels.")


def test_padding_is_zero():
    x = np.ones((1, 1, 3, 3))
    y = np.asarray(s.conv2d(x, np.ones((1, 1, 3, 3)), np.zeros(1), 1, 1))
    assert np.allclose(y[0, 0], [[4, 6, 4], [6, 9, 6], [4, 6, 4]]), (
        "At a corner of the image only 4 of the 9 places are inside; the others are zeros.")


def test_gradients_by_finite_differences():
    for case in CASES:
        x, w, b = _data(case)
        stride, p = case[6:]
        y = np.asarray(s.conv2d(x, w, b, stride, p))
        dy = RNG.normal(size=y.shape)
        dx, dw, db = (np.asarray(g) for g in s.conv2d_backward(dy, x, w, stride, p))
        assert dx.shape == x.shape, "dx must have the shape of x: cut the padding off again."
        assert dw.shape == w.shape and db.shape == b.shape, "dw and db have the shapes of w and b."
        for name, array, grad in (("x", x, dx), ("w", w, dw), ("b", b, db)):
            for _ in range(6):
                at = tuple(RNG.integers(size) for size in array.shape)
                up, down = array.copy(), array.copy()
                up[at] += 1e-5
                down[at] -= 1e-5
                put = {"x": x, "w": w, "b": b}
                high, low = (s.conv2d(**{**put, name: a}, stride=stride, padding=p)
                             for a in (up, down))
                want = float(((np.asarray(high) - np.asarray(low)) * dy).sum() / 2e-5)
                assert np.isclose(grad[at], want, rtol=1e-4, atol=1e-6), (
                    f"d{name} disagrees with finite differences (stride {stride}, padding {p}): "
                    "add the shares of all places and images, without dividing by anything.")


def test_every_pixel_gets_its_gradient():
    x, w = np.zeros((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    dx, _, _ = s.conv2d_backward(np.ones((1, 1, 2, 2)), x, w)
    assert np.allclose(dx[0, 0], [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]), (
        "A pixel in the middle lies in four windows: their gradients add up.")


def test_arguments_stay_as_they_are():
    x, w, b = _data(CASES[0])
    before = x.copy(), w.copy(), b.copy()
    y = np.asarray(s.conv2d(x, w, b))
    dy = np.ones_like(y)
    s.conv2d_backward(dy, x, w)
    s.max_pool(x, 2)
    assert all(np.array_equal(a, c) for a, c in zip((x, w, b), before)) and np.all(dy == 1), (
        "A function changed its arguments. Work on copies.")


def test_max_pool():
    x = np.array([[1.0, 5, 2, 0, 9], [3, 4, 8, 1, 9], [-7, -6, -5, -9, 9], [-8, -5, -1, -2, 9],
                  [9, 9, 9, 9, 9]])[None, None]
    y = np.asarray(s.max_pool(x, 2))
    assert y.shape == (1, 1, 2, 2), "5 x 5 holds 2 x 2 whole windows; the rest is dropped."
    assert np.allclose(y[0, 0], [[5, 8], [-5, -1]]), (
        "Take the LARGEST value of each window, with stride k; negative windows stay negative.")


def test_max_pool_keeps_images_and_channels_apart():
    x = RNG.normal(size=(3, 4, 6, 9))
    y = np.asarray(s.max_pool(x, 3))
    assert y.shape == (3, 4, 2, 3), "Shape (B, C, H // k, W // k)."
    for n, c, i, j in np.ndindex(*y.shape):
        assert y[n, c, i, j] == x[n, c, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].max(), (
            "Each window belongs to one image and one channel.")
