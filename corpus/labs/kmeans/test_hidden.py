import numpy as np
import submission as s


def _blobs(k, per, d, seed, spread=0.4):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(k, d)) * 6
    return np.vstack([c + spread * rng.normal(size=(per, d)) for c in centers]), centers


def test_assign_matches_a_loop():
    for n, k, d, seed in [(17, 3, 2, 0), (40, 6, 5, 1), (9, 9, 1, 2)]:
        rng = np.random.default_rng(seed)
        X, C = rng.normal(size=(n, d)), rng.normal(size=(k, d))
        want = [min(range(k), key=lambda j, x=x: np.sum((x - C[j]) ** 2)) for x in X]
        got = np.asarray(s.assign(X, C))
        assert got.shape == (n,), "assign returns one label per POINT: argmin over the centroids."
        assert got.tolist() == want, (
            "Some point is not given to its nearest centroid. Sum squared differences over the "
            "features, then take the argmin over the centroids.")


def test_assign_tie():
    X = np.array([[0.0, 0.0], [0.0, 3.0]])
    C = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    assert np.asarray(s.assign(X, C)).tolist() == [0, 0], (
        "In a tie the centroid with the lowest index wins.")


def test_update_means():
    rng = np.random.default_rng(3)
    X, labels = rng.normal(size=(30, 4)), rng.permutation(np.arange(30) % 5)
    got = np.asarray(s.update(X, labels, np.zeros((5, 4))))
    want = np.array([X[labels == j].mean(0) for j in range(5)])
    assert got.shape == (5, 4), "update returns one row per centroid, shape (k, d)."
    assert np.allclose(got, want), (
        "A centroid must become the mean of its OWN points, separately for each feature.")


def test_update_empty_cluster():
    X = np.array([[1.0, 1.0], [3.0, 5.0]])
    C = np.array([[9.0, 9.0], [0.5, 0.5], [-4.0, 7.0]])
    got = np.asarray(s.update(X, np.array([1, 1]), C))
    assert not np.any(np.isnan(got)), (
        "An empty cluster produced nan: the mean of nothing is 0 / 0.")
    assert np.allclose(got, [[9, 9], [2, 3], [-4, 7]]), (
        "A centroid without points keeps its old position; the others move to their means.")
    assert np.array_equal(C, [[9, 9], [0.5, 0.5], [-4, 7]]), (
        "update wrote into the old centroids; work on a copy.")


def test_integer_points():
    X = np.array([[0, 0], [1, 0], [10, 10], [11, 10]])
    got = np.asarray(s.update(X, np.array([0, 0, 1, 1]), np.array([[0, 0], [10, 10]])))
    assert np.allclose(got, [[0.5, 0], [10.5, 10]]), (
        "Means of integer points were truncated: an array made like an integer array stays "
        "integer. Centroids must be floats.")
    C, _, cost = s.fit(X, 2, np.random.default_rng(0), n_init=5)
    assert np.allclose(sorted(np.asarray(C).tolist()), [[0.5, 0], [10.5, 10]]), (
        "fit on integer points must return float centroids.")
    assert np.isclose(cost, 1.0), "The inertia of the integer example is off."


def test_inertia():
    X = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
    C = np.array([[0.0, 0.0], [1.0, 3.0]])
    got = s.inertia(X, C, np.array([0, 0, 1]))
    assert np.isclose(got, 29.0), (
        "Inertia SUMS the SQUARED distances to the point's own centroid: 0 + 25 + 4 here. "
        "No square root, no mean, and use the labels as given.")


def test_seeding_uses_points_of_x():
    X = np.random.default_rng(4).normal(size=(25, 3))
    C = np.asarray(s.kmeans_plus_plus(X, 6, np.random.default_rng(5)))
    assert C.shape == (6, 3), "kmeans_plus_plus returns k rows of d features."
    hits = [np.flatnonzero(np.all(np.isclose(X, c), axis=1)) for c in C]
    assert all(len(h) == 1 for h in hits), "Every seed must be one of the points of X."
    assert len({int(h[0]) for h in hits}) == 6, (
        "A point was chosen twice: its distance to itself is 0, so its probability must be 0.")


def test_first_seed_is_uniform():
    X = np.arange(4.0)[:, None] * 10
    rng = np.random.default_rng(6)
    first = [float(np.asarray(s.kmeans_plus_plus(X, 1, rng))[0, 0]) for _ in range(1200)]
    share = np.array([np.mean(np.isclose(first, v)) for v in X[:, 0]])
    assert np.all(np.abs(share - 0.25) < 0.06), (
        "The first seed must be drawn uniformly from all points.")


def test_seeding_probabilities():
    X = np.array([[0.0], [1.0], [3.0]])
    want = np.zeros((3, 3))
    for i in range(3):
        d2 = (X[:, 0] - X[i, 0]) ** 2
        want[i] = d2 / d2.sum() / 3
    rng = np.random.default_rng(7)
    got = np.zeros((3, 3))
    for _ in range(3000):
        a, b = np.asarray(s.kmeans_plus_plus(X, 2, rng))[:, 0]
        got[int(np.argmin(abs(X[:, 0] - a))), int(np.argmin(abs(X[:, 0] - b)))] += 1 / 3000
    assert np.all(np.abs(got - want) < 0.035), (
        "The second seed is drawn with wrong probabilities. They must be proportional to the "
        "SQUARED distance to the nearest chosen seed, normalized to sum to 1.")


def test_seeding_uses_the_nearest_seed():
    X = np.vstack([np.zeros((30, 1)), np.full((30, 1), 100.0), np.full((30, 1), 200.0)])
    rng = np.random.default_rng(8)
    for _ in range(60):
        C = np.sort(np.asarray(s.kmeans_plus_plus(X, 3, rng))[:, 0])
        assert np.allclose(C, [0, 100, 200]), (
            "With three far-apart piles the three seeds must fall into different piles. D(x) is "
            "the distance to the NEAREST of all seeds so far, not to the last or the first one.")


def test_seeding_duplicates():
    X = np.ones((6, 2))
    try:
        C = np.asarray(s.kmeans_plus_plus(X, 3, np.random.default_rng(9)))
    except ValueError:
        raise AssertionError(
            "Seeding failed on identical points: all distances are 0, so dividing by their sum "
            "gives nan probabilities. Draw uniformly in that case.") from None
    assert np.allclose(C, np.ones((3, 2))), "Seeds of identical points are that point."


def test_fit_finds_blobs():
    X, centers = _blobs(4, 40, 3, 10)
    C, labels, cost = s.fit(X, 4, np.random.default_rng(11), n_init=5)
    C, labels = np.asarray(C), np.asarray(labels)
    dist = np.sqrt(((centers[:, None] - C[None]) ** 2).sum(-1))
    assert dist.min(1).max() < 0.5, (
        "fit missed one of four clearly separated groups even with five restarts.")
    groups = [set(labels[i * 40:(i + 1) * 40].tolist()) for i in range(4)]
    assert all(len(g) == 1 for g in groups), "Points of one tight group got different labels."
    assert cost < 1.5 * 160 * 3 * 0.16, "The inertia is far above what these groups allow."


def test_fit_is_consistent():
    X = np.random.default_rng(12).normal(size=(150, 2))
    for max_iter in (1, 2, 100):
        C, labels, cost = s.fit(X, 7, np.random.default_rng(13), max_iter=max_iter)
        C, labels = np.asarray(C), np.asarray(labels)
        d2 = ((X[:, None] - C[None]) ** 2).sum(-1)
        assert np.array_equal(labels, d2.argmin(1)), (
            "The returned labels are not the nearest-centroid labels of the returned centroids. "
            "After the last update they are one step behind.")
        assert np.isclose(cost, d2.min(1).sum()), (
            "The returned inertia does not belong to the returned centroids and labels.")
    means = np.array([X[labels == j].mean(0) for j in range(7)])
    assert np.allclose(C, means, atol=1e-9), (
        "After convergence every centroid is the mean of its points. Did you stop too early?")


def test_fit_keeps_the_best_run():
    X, _ = _blobs(8, 12, 2, 14, spread=0.9)
    many = s.fit(X, 8, np.random.default_rng(15), n_init=25)[2]
    rng = np.random.default_rng(16)
    singles = [s.fit(X, 8, rng)[2] for _ in range(25)]
    assert many <= np.median(singles) + 1e-9 and many <= min(singles) * 1.05 + 1e-9, (
        "The best of 25 runs is worse than single runs: keep the run with the LOWEST inertia.")


def test_arguments_are_left_alone():
    X, _ = _blobs(3, 10, 2, 17)
    X0 = X.copy()
    s.fit(X, 3, np.random.default_rng(18), n_init=2)
    assert np.array_equal(X, X0), "fit changed X. Chosen seeds must be copies of its rows."
