import math

import numpy as np
import submission as s


def close(got, want, msg, tol=1e-9):
    got = np.asarray(got)
    want = np.asarray(want)
    assert got.shape == want.shape, f"{msg} [shape {got.shape}, expected {want.shape}]"
    assert np.allclose(got, want, atol=tol, rtol=tol), msg


def slow_rotate(x, positions, base=10000.0):
    """Rotation of a (n, d) array pair by pair as multiplication of complex numbers."""
    out = np.zeros(x.shape)
    d = x.shape[1]
    for row, p in enumerate(positions):
        for c in range(0, d, 2):
            a = p / base ** (c / d)
            z = complex(x[row, c], x[row, c + 1]) * complex(math.cos(a), math.sin(a))
            out[row, c], out[row, c + 1] = z.real, z.imag
    return out


def test_sinusoidal_position_zero():
    got = np.asarray(s.sinusoidal(3, 6))
    assert got.shape == (3, 6), "sinusoidal must have shape (n_positions, d_model)."
    close(
        got[0],
        [0, 1, 0, 1, 0, 1],
        "Row 0 must be 0, 1, 0, 1, …: positions start at 0, sines stand in even and cosines in odd "
        "columns (interleaved, not one half after the other).",
    )


def test_sinusoidal_values():
    for n, d, base in ((7, 8, 10000.0), (50, 14, 10000.0), (9, 4, 100.0)):
        got = s.sinusoidal(n, d, base=base)
        want = [
            [(math.cos if c % 2 else math.sin)(p / base ** ((c - c % 2) / d)) for c in range(d)]
            for p in range(n)
        ]
        close(
            got,
            want,
            f"The sinusoidal table is off for d_model={d}, base={base:g}: both columns of pair i "
            "share the frequency base ** (-2 i / d_model), and `base` must be used.",
        )


def test_sinusoidal_rejects_odd_width():
    try:
        s.sinusoidal(4, 5)
    except ValueError as error:
        assert "broadcast" not in str(error), "Check for an odd width yourself, before computing."
        return
    assert False, "sinusoidal must raise ValueError for an odd d_model."


def test_rotary_angles():
    positions = np.array([5, 0, 12, 3])
    want = [[p * 500.0 ** (-2 * i / 10) for i in range(5)] for p in positions]
    close(
        s.rotary_angles(positions, 10, base=500.0),
        want,
        "rotary_angles is off: one row for each given position (not 0, 1, 2, …), one column for "
        "each pair, exponent -2 i / d.",
    )


def test_rotary_does_not_touch_its_input():
    x = np.random.default_rng(3).normal(size=(4, 6))
    before = x.copy()
    s.apply_rotary(x, np.arange(4) + 2)
    assert np.array_equal(x, before), (
        "apply_rotary changed its input. Slices like x[..., 0::2] are views: writing to them "
        "writes to x."
    )


def test_rotation_of_unit_vectors():
    got = s.apply_rotary(np.array([[1.0, 0.0]]), np.array([1]))
    close(
        got,
        [[math.cos(1), math.sin(1)]],
        "The unit vector (1, 0) at position 1 must turn counterclockwise to (cos 1, sin 1): check "
        "the signs of the two sine terms, and that the given position is used.",
    )


def test_rotary_values():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 12))
    for positions, base in (([0, 1, 2, 3, 4], 10000.0), ([7, 2, 2, 90, 31], 10000.0),
                            ([3, 4, 5, 6, 7], 50.0)):
        close(
            s.apply_rotary(x, np.array(positions), base=base),
            slow_rotate(x, positions, base),
            f"apply_rotary is off for positions {positions}, base {base:g}: are neighboring "
            "columns (2i, 2i + 1) paired, and the given positions and base used?",
        )


def test_rotary_leading_axes():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 3, 4, 6))
    positions = np.array([4, 5, 6, 7])
    got = np.asarray(s.apply_rotary(x, positions))
    assert got.shape == x.shape, "apply_rotary must keep the shape of x."
    close(
        got[1, 2],
        slow_rotate(x[1, 2], positions),
        "With leading axes, the positions belong to the second-to-last axis.",
    )


def test_rotary_keeps_lengths():
    x = np.random.default_rng(2).normal(size=(6, 8))
    got = np.asarray(s.apply_rotary(x, np.arange(6) * 11))
    close(
        np.linalg.norm(got, axis=-1),
        np.linalg.norm(x, axis=-1),
        "A rotation must not change the length of a vector: probably the second coordinate was "
        "computed from an already overwritten first one.",
    )


def test_rotary_of_integers():
    x = np.arange(8).reshape(2, 4)
    close(
        s.apply_rotary(x, np.array([1, 2])),
        slow_rotate(x.astype(float), [1, 2]),
        "For an integer x the result must be floats: an array created like x would cut off the "
        "decimals.",
    )


def test_scores_values():
    rng = np.random.default_rng(4)
    q, k = rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 5, 6))
    qp, kp = np.array([9, 1, 4]), np.array([0, 3, 2, 8, 8])
    want = [slow_rotate(q[b], qp) @ slow_rotate(k[b], kp).T / math.sqrt(6) for b in range(2)]
    close(
        s.rotary_scores(q, k, qp, kp),
        want,
        "rotary_scores is off: rotate queries AND keys, each by their own positions, then take the "
        "dot products and divide by sqrt(d).",
    )


def test_scores_depend_on_distance_only():
    rng = np.random.default_rng(5)
    q, k = rng.normal(size=(4, 8)), rng.normal(size=(4, 8))
    pos = np.arange(4)
    a = np.asarray(s.rotary_scores(q, k, pos, pos))
    b = np.asarray(s.rotary_scores(q, k, pos + 100, pos + 100))
    close(
        b,
        a,
        "Shifting all positions by 100 must not change any score. If it does, queries and keys are "
        "not turned in the same direction or by the same frequencies.",
        tol=1e-7,
    )
    c = np.asarray(s.rotary_scores(q, k, pos + 3, pos))
    assert not np.allclose(a, c), "Moving only the queries must change the scores."
