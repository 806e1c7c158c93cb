import math

import numpy as np
import submission as s


def _data(n, d, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (rng.random(n) < 1 / (1 + np.exp(-(X @ rng.normal(size=d) * 2 + 0.7)))).astype(int)
    return X, y, rng.normal(size=d), float(rng.normal())


def test_sigmoid_values():
    z = np.array([[-3.0, -0.5, 0.0], [0.25, 2.0, 9.0]])
    got = np.asarray(s.sigmoid(z))
    assert got.shape == z.shape, "sigmoid works elementwise: the result keeps the shape of z."
    assert np.allclose(got, 1 / (1 + np.exp(-z)), atol=1e-12), (
        "sigmoid is wrong at ordinary values. Is the sign inside the exponential right?")


def test_sigmoid_extremes():
    got = np.asarray(s.sigmoid(np.array([-5000.0, -710.0, 710.0, 5000.0])))
    assert not np.any(np.isnan(got)), (
        "sigmoid returned nan: exp of a large positive number is inf, and inf / inf is nan. "
        "Only exponentiate numbers that are not positive.")
    assert np.allclose(got, [0, 0, 1, 1], atol=1e-12), (
        "sigmoid must saturate at 0 for very negative and at 1 for very positive logits.")


def test_loss_value():
    for n, d, seed in [(9, 2, 0), (40, 5, 1)]:
        X, y, w, b = _data(n, d, seed)
        p = 1 / (1 + np.exp(-(X @ w + b)))
        want = -np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))
        assert np.isclose(s.loss(X, y, w, b), want), (
            "The unpenalized loss is off. It is the MEAN over the examples of -log of the "
            "probability given to the true label: check the sign, the mean and which term goes "
            "with which label.")
        assert np.isclose(s.loss(X, y, w, b, 0.8), want + 0.4 * np.sum(w**2)), (
            "The penalty should add l2 / 2 times the squared norm of w, not divided by n, "
            "and without the bias.")


def test_loss_large_logits():
    X = np.array([[800.0], [-900.0], [40.0]])
    y = np.array([0, 1, 1])
    w = np.array([1.0])
    got = [s.loss(X[i:i + 1], y[i:i + 1], w, 0.0) for i in range(3)]
    assert all(math.isfinite(g) for g in got), (
        "The loss of a confident mistake became inf or nan: log of a probability that was rounded "
        "to 0. Compute the loss from the logit, not from the probability.")
    assert np.allclose(got[:2], [800, 900]), (
        "A confident mistake with logit z must cost about |z|. A smaller number means that the "
        "probability was clipped, which also kills the gradient just where it is needed most.")
    assert 0 <= got[2] < 1e-15, "A confident correct answer costs almost nothing."


def test_gradient():
    for n, d, lam, seed in [(6, 1, 0.0, 2), (31, 4, 0.0, 3), (31, 4, 0.7, 4)]:
        X, y, w, b = _data(n, d, seed)

        def obj(v, X=X, y=y, lam=lam):
            z = X @ v[:-1] + v[-1]
            return np.mean(np.log1p(np.exp(z)) - y * z) + lam / 2 * np.sum(v[:-1] ** 2)

        v = np.append(w, b)
        want = np.array([(obj(v + e) - obj(v - e)) / 2e-5 for e in 1e-5 * np.eye(d + 1)])
        gw, gb = s.gradient(X, y, w, b, lam)
        assert np.shape(gw) == (d,), "gw needs one entry per weight: shape (d,)."
        assert np.allclose(gw, want[:-1], atol=1e-6), (
            "gw disagrees with central differences. The error of an example is p - y; average "
            "it over n against the features, then add l2 * w (not divided by n, no factor 2).")
        assert np.isclose(float(gb), want[-1], atol=1e-6), (
            "gb disagrees with central differences. The bias acts as a weight on a constant "
            "feature 1, and it is not penalized.")


def test_fit_follows_gradient_descent():
    X, y, _, _ = _data(50, 3, 5)
    w, b = np.zeros(3), 0.0
    for _ in range(25):
        e = (1 / (1 + np.exp(-(X @ w + b))) - y) / 50
        w, b = w - 0.5 * (X.T @ e + 0.1 * w), b - 0.5 * e.sum()
    gw, gb = s.fit(X, y, 0.5, 25, 0.1)
    assert np.allclose(gw, w) and np.isclose(gb, b), (
        "fit differs from 25 plain gradient steps from zeros. Is l2 passed on, are w and b "
        "updated from the same gradient, downhill, and exactly `steps` times?")


def test_fit_learns():
    rng = np.random.default_rng(6)
    X = np.vstack([rng.normal(-1.5, 1, (60, 2)), rng.normal(1.5, 1, (60, 2))]) + 3.0
    y = np.repeat([0, 1], 60)
    w, b = s.fit(X, y, 0.2, 1500)
    acc = np.mean(np.asarray(s.predict(X, w, b)) == y)
    assert acc > 0.93, (
        "The trained classifier misses too many points of two well-separated clouds that do not "
        "straddle the origin. Is the bias being learned?")


def test_predict_threshold():
    X = np.array([[-2.0], [-0.5], [0.2], [0.6], [3.0]])
    w = np.array([1.0])
    got = np.asarray(s.predict(X, w, 0.0))
    assert got.shape == (5,) and got.dtype.kind in "iu", (
        "predict returns integers 0 / 1 of shape (n,), not probabilities or booleans.")
    assert got.tolist() == [0, 0, 1, 1, 1], (
        "With threshold 0.5 a point is positive exactly when its logit is at least 0. Do you "
        "compare the probability, not the logit, with the threshold?")
    assert np.asarray(s.predict(X, w, 0.0, threshold=0.9)).tolist() == [0, 0, 0, 0, 1], (
        "A higher threshold must let fewer points through: compare the PROBABILITY with it.")
    edge = np.asarray(s.predict(np.zeros((2, 3)), np.ones(3), 0.0))
    assert edge.tolist() == [1, 1], "A probability equal to the threshold counts as class 1."


def test_arguments_are_left_alone():
    X, y, w, b = _data(12, 3, 7)
    X0, y0, w0 = X.copy(), y.copy(), w.copy()
    s.loss(X, y, w, b, 0.1)
    s.gradient(X, y, w, b, 0.1)
    s.fit(X, y, 0.1, 3, 0.1)
    s.predict(X, w, b)
    assert np.array_equal(X, X0) and np.array_equal(y, y0) and np.array_equal(w, w0), (
        "A function wrote into its arguments; avoid in-place operators on them.")
