import numpy as np
import submission as s

RNG = np.random.default_rng(11)
NAN = np.nan


def test_fill_missing():
    X = np.array([[1.0, NAN, NAN], [2.0, 5.0, NAN], [NAN, 7.0, NAN], [9.0, 30.0, NAN]])
    got = np.asarray(s.fill_missing(X))
    assert got.shape == X.shape, "fill_missing keeps the shape."
    assert np.allclose(got[:, 0], [1, 2, 2, 9]), (
        "A gap becomes the MEDIAN of its column's known values: here of 1, 2 and 9.")
    assert np.allclose(got[:, 1], [7, 5, 7, 30]), (
        "Each column has its own median; known values stay as they are.")
    assert np.allclose(got[:, 2], 0), "A column without any known value becomes 0."
    square = np.array([[NAN, 1.0], [3.0, 8.0]])
    assert np.allclose(s.fill_missing(square), [[3, 1], [3, 8]]), (
        "Columns are axis 0 of the median; with a square matrix the wrong axis goes unnoticed.")


def test_fill_missing_changes_no_argument():
    X = np.array([[1.0, NAN], [2.0, 5.0]])
    s.fill_missing(X)
    assert np.isnan(X[0, 1]), "fill_missing wrote into its argument. Return a new array."


def test_standardize():
    X = RNG.normal(3, 5, size=(4, 4))
    Z = np.asarray(s.standardize(X))
    assert Z.shape == X.shape and np.allclose(Z.mean(axis=0), 0), (
        "Every COLUMN must have mean 0; with a square matrix a mean along the rows has the "
        "right shape and the wrong values.")
    assert np.allclose(Z.std(axis=0), 1), "The standard deviation divides by n, not by n - 1."
    assert np.allclose(Z * X.std(axis=0) + X.mean(axis=0), X), "Scaled back, X must come out."


def test_standardize_constant_column():
    X = np.array([[4.0, 1.0], [4.0, 2.0], [4.0, 6.0]])
    before = X.copy()
    Z = np.asarray(s.standardize(X))
    assert np.all(np.isfinite(Z)), "A constant column has the standard deviation 0: guard it."
    assert np.allclose(Z[:, 0], 0), "A constant column becomes 0."
    assert np.allclose(Z[:, 1].std(), 1), "The other columns are scaled to exactly 1."
    assert np.array_equal(X, before), "standardize changed its argument; -= works in place."


def test_distances():
    A, B = RNG.normal(size=(5, 3)), RNG.normal(size=(7, 3))
    D = np.asarray(s.distances(A, B))
    assert D.shape == (5, 7), "One row for each row of A, one column for each row of B."
    for i, j in np.ndindex(5, 7):
        assert np.isclose(D[i, j], np.linalg.norm(A[i] - B[j])), (
            "D[i, j] is the root of the sum of squares over the d columns.")
    same = np.asarray(s.distances(A, A))
    assert np.all(np.isfinite(same)) and np.allclose(np.diag(same), 0, atol=1e-7), (
        "A row has distance 0 to itself. |a|^2 - 2ab + |b|^2 can fall below 0 by rounding.")


def test_distances_of_equal_sizes():
    A, B = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
    D = np.asarray(s.distances(A, B))
    assert np.isclose(D[0, 2], np.linalg.norm(A[0] - B[2])) and D.shape == (3, 3), (
        "With n = m = d every axis fits every other one. Check which one you sum.")


def test_one_hot():
    H = np.asarray(s.one_hot(np.array([2, 0, 2, 1]), 4))
    assert H.shape == (4, 4) and H.dtype.kind == "f", "Shape (n, k), type float, also for n = k."
    assert np.array_equal(H, [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]), (
        "Row i has its 1 in column labels[i]; classes are counted from 0.")
    assert np.asarray(s.one_hot(np.array([1]), 5)).shape == (1, 5), (
        "k columns, also if the largest classes do not occur.")


def test_moving_average():
    x = np.array([1.0, 2.0, 6.0, 3.0, -2.0])
    assert np.allclose(s.moving_average(x, 2), [1.5, 4.0, 4.5, 0.5]), (
        "The mean of each window of w neighbors; windows that stick out are left out.")
    assert np.allclose(s.moving_average(x, 5), [2.0]), "A window as long as x gives one mean."
    assert np.allclose(s.moving_average(x, 1), x), "Windows of 1 give x itself."


def test_top_k():
    scores = np.array([[0.1, 0.9, 0.5, 0.9], [3.0, -1.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    got = np.asarray(s.top_k(scores, 3))
    assert got.shape == (3, 3), "k columns for each row."
    assert np.array_equal(got[1], [0, 2, 3]), "The LARGEST scores, best first, in each row."
    assert np.array_equal(got[0], [1, 3, 2]) and np.array_equal(got[2], [0, 1, 2]), (
        "Of equal scores the column further left comes first. Reversing an ascending argsort "
        "reverses the ties too; sort the negated scores with kind='stable'.")
    wide = np.tile(np.array([1.0, 2.0] * 40), (2, 1))
    assert np.array_equal(np.asarray(s.top_k(wide, 40))[0], np.arange(1, 80, 2)), (
        "With many ties the default argsort may shuffle equal entries: ask for kind='stable'.")


def test_top_k_changes_no_argument():
    scores = RNG.normal(size=(2, 6))
    before = scores.copy()
    s.top_k(scores, 2)
    assert np.array_equal(scores, before), "top_k changed its argument; sort a copy."
