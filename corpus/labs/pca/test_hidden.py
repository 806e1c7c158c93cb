import numpy as np
import submission as s

SHAPES = [(40, 5, 3, 0), (12, 12, 4, 1), (9, 30, 5, 2), (200, 3, 3, 3), (25, 2, 1, 4)]


def _data(n, d, seed):
    rng = np.random.default_rng(seed)
    scale = np.linspace(4.0, 0.3, d)
    Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return rng.normal(size=(n, d)) * scale @ Q + rng.normal(size=d) * 10


def _reference(X, k):
    S = np.cov(X, rowvar=False)
    lam, vec = np.linalg.eigh(S)
    return S, lam[::-1][:k], vec[:, ::-1][:, :k].T


def test_shapes_and_mean():
    for n, d, k, seed in SHAPES:
        X = _data(n, d, seed)
        mean, comps, var = s.fit(X, k)
        assert np.shape(mean) == (d,) and np.shape(comps) == (k, d) and np.shape(var) == (k,), (
            "fit returns mean (d,), components (k, d) with one component per ROW, variances (k,).")
        assert np.allclose(mean, X.mean(0)), "mean is the average of the rows, one per column."


def test_components_are_orthonormal():
    for n, d, k, seed in SHAPES:
        _, comps, _ = s.fit(_data(n, d, seed), k)
        comps = np.asarray(comps)
        assert np.allclose(comps @ comps.T, np.eye(k), atol=1e-8), (
            "The rows of components must be orthonormal: unit length, at right angles.")


def test_variances():
    for n, d, k, seed in SHAPES:
        X = _data(n, d, seed)
        _, lam, _ = _reference(X, k)
        var = np.asarray(s.fit(X, k)[2])
        assert np.all(np.diff(var) <= 1e-9), "Variances must come largest first."
        assert not np.allclose(var, lam * (n - 1) / n, rtol=1e-6), (
            "These variances are divided by n; the task's covariance divides by n - 1.")
        assert np.allclose(var, lam, rtol=1e-6), (
            "The variances are not the largest eigenvalues of the covariance matrix. Is the data "
            "centered first? From singular values: square them, then divide by n - 1.")


def test_components_are_eigenvectors():
    for n, d, k, seed in SHAPES:
        X = _data(n, d, seed)
        S, lam, vec = _reference(X, k)
        comps = np.asarray(s.fit(X, k)[1])
        assert np.allclose(comps @ S, lam[:, None] * comps, atol=1e-6 * lam[0]), (
            "S v = lambda v fails for some component: it is not an eigenvector of the covariance, "
            "or it is paired with the wrong variance. Note that eigh returns eigenvectors as "
            "COLUMNS: a row of that matrix mixes entries of different eigenvectors.")
        assert np.allclose(np.abs(np.sum(comps * vec, axis=1)), 1, atol=1e-6), (
            "The components are not the directions of LARGEST variance.")


def test_sign_rule():
    for n, d, k, seed in SHAPES + [(50, 6, 5, s_) for s_ in range(20, 26)]:
        comps = np.asarray(s.fit(_data(n, d, seed), k)[1])
        peak = comps[np.arange(k), np.abs(comps).argmax(1)]
        assert np.all(peak > 0), (
            "Sign rule broken: in each component the entry with the largest ABSOLUTE value must be "
            "positive. Flip the whole row where it is not.")


def test_transform():
    X = _data(60, 6, 5)
    mean, comps, var = s.fit(X, 4)
    Z = np.asarray(s.transform(X, mean, comps))
    assert Z.shape == (60, 4), "transform returns one row per point and one column per component."
    assert np.allclose(Z.mean(0), 0, atol=1e-9), (
        "Projected training data should have mean zero: subtract the mean before projecting.")
    assert np.allclose(np.cov(Z, rowvar=False), np.diag(var), atol=1e-8), (
        "The new coordinates should be uncorrelated with the variances on the diagonal.")
    rng = np.random.default_rng(6)
    new = rng.normal(size=(1, 6)) + 100
    assert np.allclose(s.transform(new, mean, comps), (new - mean) @ np.asarray(comps).T), (
        "New points must be centered with the TRAINING mean that is passed in, not with their own.")


def test_inverse_transform():
    X = _data(30, 4, 7)
    mean, comps, _ = s.fit(X, 4)
    back = s.inverse_transform(s.transform(X, mean, comps), mean, comps)
    assert np.shape(back) == X.shape, "inverse_transform returns points of the original dimension."
    assert np.allclose(back, X), (
        "With all components the round trip must be exact. Did you add the mean back?")
    mean, comps, _ = s.fit(X, 2)
    once = s.inverse_transform(s.transform(X, mean, comps), mean, comps)
    twice = s.inverse_transform(s.transform(once, mean, comps), mean, comps)
    assert np.allclose(once, twice), (
        "Projecting twice must change nothing more: a projection is idempotent.")


def test_explained_variance_ratio():
    for n, d, k, seed in SHAPES:
        X = _data(n, d, seed)
        _, lam, _ = _reference(X, k)
        want = lam / np.trace(np.cov(X, rowvar=False))
        got = np.asarray(s.explained_variance_ratio(X, k))
        assert got.shape == (k,), "One ratio per component, not their running sum or total."
        assert np.allclose(got, want, rtol=1e-6), (
            "Wrong ratios. The denominator is the total variance of ALL d directions (not only of "
            "the k that you keep), with the same n - 1 as the numerator.")


def test_reconstruction_error():
    for n, d, k, seed in SHAPES:
        X = _data(n, d, seed)
        lam = np.sort(np.linalg.eigvalsh(np.cov(X, rowvar=False)))[::-1]
        want = lam[k:].sum() * (n - 1) / n
        assert np.isclose(s.reconstruction_error(X, k), want, rtol=1e-6, atol=1e-8), (
            "Squared distances are SUMMED over the features of a row and averaged over the rows. "
            "Check also that reconstruction adds the mean.")


def test_integers_and_side_effects():
    X = np.array([[1, 2, 0], [3, 5, 1], [2, 7, 1], [8, 1, 4], [0, 0, 9]])
    X0, F = X.copy(), X.astype(float)
    F0 = F.copy()
    a, b = s.fit(X, 2), s.fit(F, 2)
    s.transform(F, b[0], b[1])
    s.explained_variance_ratio(F, 2)
    s.reconstruction_error(F, 2)
    assert all(np.allclose(p, q) for p, q in zip(a, b, strict=True)), (
        "Integer and float copies of the same data must give the same result.")
    assert np.array_equal(X, X0) and np.array_equal(F, F0), (
        "X was centered in place. X -= mean changes the caller's data: make a new array.")
