import numpy as np
import submission as s


def _data(n, d, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    w = rng.normal(size=d + 1) * 2
    return X, w[0] + X @ w[1:] + noise * rng.normal(size=n), w


def test_add_bias():
    A = s.add_bias(np.array([[3, 4], [5, 6], [7, 8]]))
    assert np.shape(A) == (3, 3), (
        "add_bias must turn (n, d) into (n, d + 1): one more column, no more rows.")
    assert np.allclose(A, [[1, 3, 4], [1, 5, 6], [1, 7, 8]]), (
        "The ones belong in the FIRST column, followed by X unchanged: w[0] is the intercept.")


def test_predict():
    X = np.array([[1.0, 2.0], [0.0, -1.0], [4.0, 4.0]])
    y = s.predict(X, np.array([10.0, 1.0, -2.0]))
    assert np.shape(y) == (3,), (
        "predict must return a flat vector of shape (n,); a column (n, 1) broadcasts against y "
        "to an (n, n) matrix and silently ruins every loss.")
    assert np.allclose(y, [7, 12, 6]), (
        "predict should give intercept + dot product. Is w[0] used as the intercept?")


def test_mse():
    got = s.mse(np.array([1.0, 2.0, 5.0, 0.0]), np.array([1.0, 4.0, 2.0, 1.0]))
    assert np.isclose(got, 14 / 4), (
        "mse is the MEAN of the squared errors: square first, then average over n, "
        "with no factor 1/2 and no square root.")


def test_gradient_matches_central_differences():
    for n, d, seed in [(7, 1, 0), (23, 4, 1), (50, 6, 2)]:
        X, y, _ = _data(n, d, seed)
        w = np.random.default_rng(seed + 9).normal(size=d + 1)
        A = np.hstack([np.ones((n, 1)), X])
        want = np.array([
            (np.mean((A @ (w + e) - y) ** 2) - np.mean((A @ (w - e) - y) ** 2)) / 2e-5
            for e in 1e-5 * np.eye(d + 1)])
        got = np.asarray(s.gradient(X, y, w))
        assert got.shape == (d + 1,), "The gradient has one entry per weight: shape (d + 1,)."
        assert np.allclose(got, want, rtol=1e-4, atol=1e-5), (
            "gradient disagrees with central differences of the MSE. Compare the ratio of the two: "
            "a constant factor points to a lost 2 or a lost 1/n, a minus sign to residuals taken "
            "the wrong way round, anything else to the wrong matrix product.")


def test_normal_equation_without_penalty():
    for n, d, seed in [(30, 3, 3), (200, 8, 4)]:
        X, y, true = _data(n, d, seed, noise=0.0)
        w = np.asarray(s.fit_normal(X, y))
        assert w.shape == (d + 1,), "fit_normal must return d + 1 weights: intercept first."
        assert np.allclose(w, true, atol=1e-6), (
            "On noise-free data fit_normal must recover the exact weights. "
            "Is the column of ones included, and does the intercept come first?")


def test_normal_equation_with_penalty():
    for n, d, lam, seed in [(25, 3, 2.5, 5), (60, 5, 40.0, 6)]:
        X, y, _ = _data(n, d, seed)
        y = y + 20.0
        w = np.asarray(s.fit_normal(X, y, l2=lam))
        A = np.hstack([np.ones((n, 1)), X])
        g = 2 * A.T @ (A @ w - y) + 2 * lam * w
        g[0] -= 2 * lam * w[0]
        assert abs(g[0]) < 1e-5, (
            "The intercept is shrunk (or forgotten). Penalizing it would make the fit depend on "
            "where zero lies on the y axis: leave w[0] out of the penalty.")
        assert np.allclose(g, 0, atol=1e-5), (
            "The gradient of the penalized objective is not zero at your solution. The objective "
            "uses the SUM of squared errors: is lambda scaled by n, squared, or lost?")


def test_dependent_columns():
    rng = np.random.default_rng(7)
    x = rng.integers(-4, 5, size=(12, 1))
    X = np.hstack([x, 2 * x, rng.integers(-4, 5, size=(12, 1))])
    y = 3.0 * X[:, 0] - X[:, 2] + 5.0
    try:
        w = np.asarray(s.fit_normal(X, y))
    except np.linalg.LinAlgError:
        raise AssertionError(
            "fit_normal broke down because one column is a multiple of another: A^T A is singular "
            "then. Use a least-squares routine that does not need an inverse.") from None
    pred = np.hstack([np.ones((12, 1)), X]) @ w
    assert np.allclose(pred, y, atol=1e-6), (
        "With dependent columns the weights are not unique but the best predictions are, and "
        "yours are off. Inverting a nearly singular A^T A gives garbage.")


def test_gd_reaches_the_normal_equation():
    X, y, _ = _data(80, 4, 8)
    w, losses = s.fit_gd(X, y, lr=0.1, steps=600)
    A = np.hstack([np.ones((80, 1)), X])
    best = np.linalg.lstsq(A, y, rcond=None)[0]
    assert np.all(np.isfinite(w)), (
        "Gradient descent diverged at a learning rate that is safe for this data. Are you walking "
        "downhill (w minus lr times gradient), and is the gradient averaged over n?")
    assert np.allclose(w, best, atol=1e-4), (
        "After 600 safe steps gradient descent must agree with the closed form. "
        "Check the update, and that the last update is kept.")
    assert all(b <= a + 1e-12 for a, b in zip(losses, losses[1:], strict=False)), (
        "The loss should never rise at this learning rate.")


def test_gd_bookkeeping():
    X, y, _ = _data(15, 2, 9)
    w, losses = s.fit_gd(X, y, lr=0.05, steps=3)
    assert len(losses) == 3, "losses must hold one value per update: exactly `steps` of them."
    assert np.isclose(losses[0], np.mean(y**2)), (
        "losses[0] is the MSE of the zero vector: record the loss BEFORE each update, "
        "and start from zeros.")
    A = np.hstack([np.ones((15, 1)), X])
    want = np.zeros(3)
    for _ in range(3):
        want = want - 0.05 * 2 / 15 * A.T @ (A @ want - y)
    assert np.allclose(w, want), (
        "After three updates the weights differ from three plain gradient steps. Count the "
        "updates and check the size of each one.")


def test_arguments_are_left_alone():
    X = np.array([[1, 2], [3, 5], [2, 7], [8, 1]])
    y = np.array([1, 2, 3, 5])
    w = np.array([0.5, 1.0, -1.0])
    X0, y0, w0 = X.copy(), y.copy(), w.copy()
    s.predict(X, w)
    s.mse(y, s.predict(X, w))
    s.gradient(X, y, w)
    s.fit_normal(X, y, l2=1.0)
    s.fit_gd(X, y, lr=0.01, steps=2)
    assert np.array_equal(X, X0) and np.array_equal(y, y0) and np.array_equal(w, w0), (
        "A function changed one of its arguments. In-place operators such as -= write into "
        "the caller's array: make a new one.")
