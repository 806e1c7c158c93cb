import itertools

import numpy as np
import submission as s


def _tables(K, V, seed):
    rng = np.random.default_rng(seed)
    return (np.log(rng.dirichlet(np.ones(K))), np.log(rng.dirichlet(np.ones(K) * 0.5, K)),
            np.log(rng.dirichlet(np.ones(V) * 0.5, K)))


def _score(words, tags, pi, A, B):
    total = pi[tags[0]] if len(words) else 0.0
    for i, (w, t) in enumerate(zip(words, tags, strict=True)):
        if i:
            total += A[tags[i - 1], t]
        if w >= 0:
            total += B[t, w]
    return total


def _brute(words, pi, A, B):
    return max((_score(words, t, pi, A, B), t)
               for t in itertools.product(range(len(pi)), repeat=len(words)))


def _corpus(K, V, seed, m=25):
    rng = np.random.default_rng(seed)
    return [[(int(rng.integers(V)), int(rng.integers(K))) for _ in range(rng.integers(0, 8))]
            for _ in range(m)]


SENTS = [[(0, 0), (1, 1), (2, 2)], [(0, 0), (3, 1)], [(3, 1), (2, 2), (0, 0), (1, 1)], []]


def test_initial_probabilities():
    pi = np.asarray(s.estimate(SENTS, 3, 5, k=0.5)[0])
    assert pi.shape == (3,), "log_pi has one entry per tag."
    assert np.all(pi <= 0), "The tables hold logarithms of probabilities: no entry exceeds 0."
    assert np.allclose(np.exp(pi), np.array([2.5, 1.5, 0.5]) / 4.5), (
        "log_pi counts the FIRST tag of each non-empty sentence, plus k.")


def test_transitions():
    A = np.asarray(s.estimate(SENTS, 3, 5, k=0.5)[1])
    assert np.allclose(np.exp(A).sum(1), 1), (
        "Every ROW of A must sum to 1: divide by the transitions that leave the tag. The last "
        "tag of a sentence has none; dividing by all occurrences of the tag loses mass.")
    want = np.array([[0.5, 3.5, 0.5], [0.5, 0.5, 2.5], [1.5, 0.5, 0.5]])
    assert np.allclose(np.exp(A), want / want.sum(1, keepdims=True)), (
        "Wrong transitions. Row = previous tag, column = next tag; no transition leads from one "
        "sentence into the next.")


def test_emissions():
    B = np.asarray(s.estimate(SENTS, 3, 5, k=0.5)[2])
    assert B.shape == (3, 5), "log_B has shape (tags, words)."
    want = np.full((3, 5), 0.5)
    want[0, 0], want[1, 1], want[1, 3], want[2, 2] = 3.5, 2.5, 2.5, 2.5
    assert np.allclose(np.exp(B), want / want.sum(1, keepdims=True)), (
        "Wrong emissions: P(word | tag) is normalized over the WORDS of each tag, and add-k adds "
        "k times the number of words to the denominator.")


def test_estimate_random():
    for K, V, k, seed in [(4, 9, 1.0, 0), (2, 30, 0.1, 1), (6, 4, 2.0, 2)]:
        data = _corpus(K, V, seed)
        tables = [np.exp(np.asarray(t)) for t in s.estimate(data, K, V, k=k)]
        A, B = np.full((K, K), k), np.full((K, V), k)
        for x in data:
            for i, (w, t) in enumerate(x):
                B[t, w] += 1
                if i:
                    A[x[i - 1][1], t] += 1
        assert np.isclose(tables[0].sum(), 1), "The initial probabilities must sum to 1."
        assert np.allclose(tables[1], A / A.sum(1, keepdims=True)), "A is wrong on random data."
        assert np.allclose(tables[2], B / B.sum(1, keepdims=True)), "B is wrong on random data."


def test_unused_tag():
    for t in s.estimate(SENTS, 4, 5):
        assert np.all(np.isfinite(t)), (
            "A tag that never occurs must get uniform smoothed probabilities, not nan.")


def test_sequence_log_prob():
    for K, V, T, seed in [(3, 5, 6, 3), (4, 8, 1, 4), (2, 3, 12, 5)]:
        pi, A, B = _tables(K, V, seed)
        rng = np.random.default_rng(seed)
        words, tags = rng.integers(0, V, T).tolist(), rng.integers(0, K, T).tolist()
        assert np.isclose(s.sequence_log_prob(words, tags, pi, A, B),
                          _score(words, tags, pi, A, B)), (
            "Wrong log probability: initial tag once, then A[previous, next] and B[tag, word]. "
            "Is A indexed the right way round?")
    assert s.sequence_log_prob([], [], pi, A, B) == 0.0, "The empty sentence scores 0.0."


def test_sequence_with_unknown_words():
    pi, A, B = _tables(3, 5, 6)
    words, tags = [2, -1, 4, -1], [0, 2, 1, 1]
    assert np.isclose(s.sequence_log_prob(words, tags, pi, A, B), _score(words, tags, pi, A, B)), (
        "An unknown word (-1) contributes 0. Index -1 silently reads the LAST column of B.")


def test_viterbi_single_word():
    pi, A, B = _tables(4, 6, 7)
    for w in range(6):
        got, score = s.viterbi([w], pi, A, B)
        assert list(got) == [int(np.argmax(pi + B[:, w]))], (
            "For one word the best tag maximizes initial plus emission score.")
        assert np.isclose(score, np.max(pi + B[:, w])), "The score of a single word is off."


def test_viterbi_matches_brute_force():
    for K, V, T, seed in [(2, 3, 7, 8), (3, 6, 5, 9), (4, 5, 5, 10), (5, 7, 4, 11)]:
        for r in range(8):
            pi, A, B = _tables(K, V, 100 * seed + r)
            words = np.random.default_rng(r).integers(0, V, T).tolist()
            got, score = s.viterbi(words, pi, A, B)
            want, tags = _brute(words, pi, A, B)
            assert len(got) == T, "viterbi returns one tag per word."
            assert np.isclose(_score(words, list(got), pi, A, B), want), (
                "viterbi does not find the best path. Taking the best tag step by step is not "
                "enough: keep, for each tag, the best path ENDING in it, with a back pointer. "
                "Check also that previous tags are the rows of A, and the order of the result.")
            assert np.isclose(score, want), "The path is right but the returned score is not."
            assert tuple(int(t) for t in got) == tags, "viterbi returns another path."


def test_viterbi_unknown_words():
    for seed in range(12):
        pi, A, B = _tables(3, 5, 40 + seed)
        got, score = s.viterbi([-1, 1, -1, -1, 0], pi, A, B)
        want, tags = _brute([-1, 1, -1, -1, 0], pi, A, B)
        assert np.isclose(score, want) and tuple(got) == tags, (
            "viterbi is wrong with unknown words: their emission score is 0 for every tag, so "
            "only the transitions decide.")


def test_viterbi_with_impossible_steps():
    inf = -np.inf
    pi = np.array([0.0, inf, inf])
    A = np.array([[inf, 0.0, inf], [inf, inf, 0.0], [0.0, inf, inf]])
    B = np.log(np.full((3, 2), 0.5))
    got, score = s.viterbi([0, 1, 1, 0, 1], pi, A, B)
    assert list(got) == [0, 1, 2, 0, 1], (
        "Only one path is possible here (0 1 2 0 1). Entries of -inf must simply never win.")
    assert np.isclose(score, 5 * np.log(0.5)), "The score of the only possible path is wrong."


def test_viterbi_long_sentence():
    pi, A, B = _tables(4, 10, 12)
    words = np.random.default_rng(13).integers(0, 10, 3000).tolist()
    got, score = s.viterbi(words, pi, A, B)
    assert np.isfinite(score), (
        "On a long sentence the score became -inf: products of probabilities underflow. "
        "Stay in log space and ADD.")
    assert np.isclose(score, _score(words, [int(t) for t in got], pi, A, B)), (
        "The returned score is not the log probability of the returned path.")
    assert score >= _score(words, [0] * 3000, pi, A, B), "A trivial path scores better."


def test_viterbi_empty_and_side_effects():
    pi, A, B = _tables(3, 4, 14)
    tags, score = s.viterbi([], pi, A, B)
    assert list(tags) == [] and score == 0.0, "An empty sentence gives ([], 0.0)."
    copies = pi.copy(), A.copy(), B.copy()
    s.viterbi([1, -1, 2], pi, A, B)
    s.sequence_log_prob([1, -1, 2], [0, 1, 2], pi, A, B)
    assert all(np.array_equal(a, b) for a, b in zip((pi, A, B), copies, strict=True)), (
        "The tables were changed: += on a view writes into them.")


def test_accuracy():
    got = s.accuracy([[1, 2, 0, 0, 1, 1], [2]], [[1, 2, 0, 0, 1, 1], [0]])
    assert np.isclose(got, 6 / 7), (
        "Accuracy counts TOKENS over the corpus; averaging sentences gives short ones too much "
        "weight.")
    assert s.accuracy([[]], [[]]) == 0.0 and s.accuracy([], []) == 0.0, (
        "Without tokens the accuracy is 0.0 by convention, not an error.")


def test_tagger_end_to_end():
    rng = np.random.default_rng(15)
    A = np.array([[0.05, 0.9, 0.05], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
    B = np.kron(np.eye(3), np.full(4, 0.2)) + 0.2 / 12
    data = []
    for _ in range(300):
        t, sent = int(rng.integers(3)), []
        for _ in range(9):
            sent.append((int(rng.choice(12, p=B[t] / B[t].sum())), t))
            t = int(rng.choice(3, p=A[t]))
        data.append(sent)
    tables = s.estimate(data[:200], 3, 12)
    gold = [[t for _, t in x] for x in data[200:]]
    pred = [s.viterbi([w for w, _ in x], *tables)[0] for x in data[200:]]
    alone = [[int(np.argmax(np.asarray(tables[2])[:, w])) for w, _ in x] for x in data[200:]]
    acc, base = s.accuracy(gold, pred), s.accuracy(gold, alone)
    assert acc > base + 0.02, (
        "The tagger should beat word-by-word tagging, because context helps on this data.")
