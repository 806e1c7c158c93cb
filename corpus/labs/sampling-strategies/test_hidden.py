import numpy as np
import submission as s

INF = float("inf")


def close(got, want, msg, tol=1e-9):
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    assert got.shape == want.shape, f"{msg} [shape {got.shape}, expected {want.shape}]"
    assert not np.isnan(got).any(), f"{msg} [the result contains NaN]"
    assert np.allclose(got, want, atol=tol, rtol=tol), msg


def probs(z):
    e = np.exp(np.asarray(z, dtype=float) - np.max(z))
    return e / e.sum()


def kept(filtered):
    return sorted(np.flatnonzero(np.isfinite(np.asarray(filtered, dtype=float))).tolist())


def frequencies(logits, n=4000, **options):
    rng = np.random.default_rng(11)
    draws = [s.sample(np.array(logits), rng, **options) for _ in range(n)]
    return np.bincount(draws, minlength=len(logits)) / n


def test_greedy():
    got = s.greedy(np.array([0.5, 3.0, -1.0, 3.0]))
    assert got == 1, "greedy must return the id of the largest logit, the lowest id in a tie."
    assert isinstance(got, (int, np.integer)), "greedy must return an integer id."


def test_softmax_temperature():
    z = np.random.default_rng(0).normal(size=7) * 2
    for t in (0.25, 1.0, 3.0):
        close(
            s.softmax(z, t),
            probs(z / t),
            f"softmax at temperature {t} is off: logits are DIVIDED by the temperature, so that a "
            "high temperature flattens the distribution.",
        )


def test_softmax_is_stable():
    z = np.array([1000.0, 998.0, -INF, 1001.0])
    with np.errstate(all="ignore"):
        got = s.softmax(z)
    close(got, probs(z), "softmax overflows: subtract the largest logit before exponentiating.")
    with np.errstate(all="ignore"):
        got = s.softmax(np.array([30.0, 20.0, -INF]), 0.01)
    close(got, [1.0, 0.0, 0.0], "A low temperature magnifies logits: softmax must still be safe.")


def test_softmax_rejects_bad_temperature():
    for t in (0.0, -1.0):
        try:
            with np.errstate(all="ignore"):
                s.softmax(np.array([1.0, 2.0]), t)
        except ValueError:
            continue
        assert False, f"softmax must raise ValueError for temperature {t}."


def test_top_k():
    z = np.array([1.0, -2.0, 5.0, 0.5, 3.0, -7.0])
    got = np.asarray(s.top_k_filter(z, 3), dtype=float)
    assert got.shape == z.shape, "top_k_filter must keep the shape of the logits."
    assert np.all(got[[1, 3, 5]] == -INF), (
        "Tokens outside the top k must get the logit -inf. A logit of 0 still has a probability."
    )
    assert kept(got) == [0, 2, 4], "With k = 3 exactly the three largest logits survive."
    close(got[[0, 2, 4]], z[[0, 2, 4]], "The surviving logits must keep their values and places.")


def test_top_k_ties_and_limits():
    z = np.array([2.0, 4.0, 2.0, 2.0, -1.0])
    assert kept(s.top_k_filter(z, 2)) == [0, 1], (
        "With ties at the border, exactly k tokens survive, the lowest ids among equals. Comparing "
        "with the k-th largest value keeps too many."
    )
    close(s.top_k_filter(z, 9), z, "With k >= V nothing is removed.")


def test_top_p_keeps_crossing_token():
    z = np.log(np.array([0.1, 0.5, 0.05, 0.3, 0.05]))
    assert kept(s.top_p_filter(z, 0.6)) == [1, 3], (
        "For p = 0.6 and probabilities 0.5, 0.3, 0.1, … the set must reach 0.6: keep the token "
        "that crosses p, and no more, each at its own id."
    )
    assert kept(s.top_p_filter(z, 0.2)) == [1], "At least the most likely token must survive."
    assert kept(s.top_p_filter(z, 0.85)) == [0, 1, 3], "0.5 + 0.3 + 0.1 is the first sum >= 0.85."
    got = np.asarray(s.top_p_filter(z, 0.6), dtype=float)
    close(got[[1, 3]], z[[1, 3]], "The surviving logits must keep their values and places.")


def test_top_p_ties_and_whole():
    assert kept(s.top_p_filter(np.zeros(8), 0.45)) == [0, 1, 2, 3], (
        "Eight equal tokens, p = 0.45: four of them are needed, the lowest ids first."
    )
    z = np.array([0.0, 1.0, -0.5])
    assert kept(s.top_p_filter(z, 1.0)) == [0, 1, 2], "With p = 1 no possible token is removed."


def test_top_p_random():
    rng = np.random.default_rng(1)
    for p in (0.3, 0.7, 0.93):
        z = rng.normal(size=20) * 2
        pr = probs(z)
        keep = kept(s.top_p_filter(z, p))
        assert pr[keep].sum() >= p - 1e-9, "The kept tokens hold less probability than p."
        assert pr[keep].sum() - pr[keep].min() < p, "A smaller set would do: too many are kept."
        top = np.argsort(-pr)[: len(keep)].tolist()
        assert set(keep) == set(top), "The kept tokens must be the most likely ones."


def test_repetition_penalty():
    z = np.array([2.0, -3.0, 1.0, 0.0, -1.0])
    got = s.repetition_penalty(z.copy(), [0, 1, 3], 1.5)
    assert np.asarray(got)[1] < z[1], (
        "A repeated token with a negative logit must become less likely: dividing a negative "
        "number by 1.5 moves it up."
    )
    close(got, [2 / 1.5, -4.5, 1.0, 0.0, -1.0], "Only seen ids change: positive / p, negative * p.")


def test_repetition_penalty_once_per_id():
    z = np.array([3.0, -1.0, 2.0])
    close(
        s.repetition_penalty(z.copy(), [0, 0, 1, 0, 1], 2.0),
        [1.5, -2.0, 2.0],
        "The penalty applies once per distinct id, not once per occurrence.",
    )
    close(s.repetition_penalty(z, [], 2.0), z, "Without previous ids nothing changes.")


def test_inputs_unchanged():
    z = np.array([1.0, 3.0, -2.0, 0.5])
    before = z.copy()
    s.softmax(z, 0.5)
    s.top_k_filter(z, 2)
    s.top_p_filter(z, 0.5)
    s.repetition_penalty(z, [1, 2], 1.3)
    s.sample(z, np.random.default_rng(0), 0.7, 3, 0.9, 1.2, [1])
    assert np.array_equal(z, before), (
        "A function changed the logits it was given. Work on a copy: the caller may need them."
    )


def test_sample_greedy_at_zero():
    z = np.array([1.0, 2.0, 1.9])
    rng = np.random.default_rng(0)
    assert s.sample(z, rng, temperature=0) == 1, "Temperature 0 must mean greedy decoding."
    assert s.sample(z, rng, temperature=0, penalty=1.5, previous_ids=[1]) == 2, (
        "The repetition penalty comes first, so it also acts on greedy decoding."
    )


def test_sample_frequencies():
    z = [1.0, 0.0, 2.0, -1.0]
    close(
        frequencies(z, temperature=1.5),
        probs(np.array(z) / 1.5),
        "Sampled frequencies do not match the tempered distribution.",
        tol=0.035,
    )


def test_sample_uses_the_generator():
    z = np.zeros(50)
    a = [s.sample(z, np.random.default_rng(5)) for _ in range(3)]
    assert len(set(a)) == 1, "Equal generators must give equal draws: use rng, no global state."
    rng = np.random.default_rng(5)
    assert len({s.sample(z, rng) for _ in range(40)}) > 10, "Draws must vary as rng advances."


def test_sample_temperature_before_top_p():
    # at T = 3 the distribution is flat, so that p = 0.8 needs more tokens than at T = 1
    z = np.log(np.array([0.8, 0.1, 0.06, 0.04]))
    tempered = z / 3
    order = np.cumsum(np.sort(probs(tempered))[::-1])
    n_keep = int(np.searchsorted(order, 0.75)) + 1
    want = np.where(np.arange(4) < n_keep, probs(tempered), 0)
    close(
        frequencies(z, temperature=3.0, top_p=0.75),
        want / want.sum(),
        "With temperature 3 and top-p the frequencies are off: the temperature acts before top-p.",
        tol=0.035,
    )


def test_sample_top_k_before_top_p():
    # after top-k = 2 the leader holds 0.4 / 0.7 = 0.57 >= 0.5, so top-p leaves it alone
    z = np.log(np.array([0.3, 0.4, 0.2, 0.1]))
    close(
        frequencies(z, n=500, top_k=2, top_p=0.5),
        [0, 1, 0, 0],
        "Top-p must look at the renormalized distribution that top-k has left.",
    )
    close(
        frequencies(z, top_k=3),
        np.array([0.3, 0.4, 0.2, 0.0]) / 0.9,
        "With top_k=3 the frequencies are off.",
        tol=0.035,
    )


def test_sample_penalty():
    z = np.array([1.0, 1.0, -1.0])
    close(
        frequencies(z, penalty=2.0, previous_ids=[0, 0, 2]),
        probs([0.5, 1.0, -2.0]),
        "Sampling does not apply the repetition penalty to the previous ids.",
        tol=0.035,
    )
