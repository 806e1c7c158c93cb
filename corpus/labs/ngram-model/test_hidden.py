import math

import numpy as np
import submission as s

SENTS = [x.split() for x in [
    "the cat sat on the mat", "the dog sat on the log", "a cat saw the dog",
    "the dog saw a cat", "cat", "the the the"]]


def _corpus(seed, m=30):
    rng = np.random.default_rng(seed)
    return [[f"w{j}" for j in rng.integers(0, 7, rng.integers(0, 9))] for _ in range(m)]


def _events(sent, n):
    t = ["<s>"] * (n - 1) + list(sent) + ["</s>"]
    return [(tuple(t[i - n + 1:i]), t[i]) for i in range(n - 1, len(t))]


def test_vocab():
    vocab = set(s.train(SENTS, 2).vocab)
    assert "<s>" not in vocab, (
        "<s> is never predicted, so it must not be in the vocabulary: it would steal "
        "probability from real words.")
    assert {"</s>", "<unk>"} <= vocab, "The model must be able to predict </s> and <unk>."
    assert vocab == {w for x in SENTS for w in x} | {"</s>", "<unk>"}, (
        "The vocabulary is the set of training words plus </s> and <unk>.")


def test_counts():
    for n in (1, 2, 3, 4):
        m = s.train(SENTS, n)
        ngrams, contexts = {}, {}
        for x in SENTS:
            for h, w in _events(x, n):
                ngrams[h + (w,)] = ngrams.get(h + (w,), 0) + 1
                contexts[h] = contexts.get(h, 0) + 1
        assert m.n == n, "Model.n must hold the order."
        got = {k: v for k, v in m.ngrams.items() if v}
        assert all(len(k) == n for k in got), f"For n = {n} all n-grams must be tuples of length n."
        assert not any(k[-1] == "<s>" for k in got), (
            "An n-gram that ends in <s> was counted: <s> is only context.")
        assert got == ngrams, (
            f"Wrong n-gram counts for n = {n}: put n - 1 times <s> in front and one </s> behind, "
            "and count every window, sentence by sentence.")
        assert {k: v for k, v in m.contexts.items() if v} == contexts, (
            "c(h) counts how often h is followed by some predicted token, </s> included.")


def test_empty_sentence():
    m = s.train([["a"], []], 2)
    assert m.ngrams.get(("<s>", "</s>"), 0) == 1, "An empty sentence counts <s> </s> once."


def test_prob_values():
    m = s.train(SENTS, 2)
    V = len(m.vocab)
    assert np.isclose(s.prob(m, "cat", ["the"], 0), 1 / 9), (
        "Without smoothing P(cat | the) is count(the cat) / count(the followed by anything).")
    assert np.isclose(s.prob(m, "cat", ["the"], 0.5), 1.5 / (9 + 0.5 * V)), (
        "Add-k adds k to the numerator and k times |V| to the denominator.")
    assert np.isclose(s.prob(m, "mat", ["dog"], 1.0), 1 / (3 + V)), (
        "An unseen bigram with a seen context has count 0, but still k in the numerator.")
    assert np.isclose(s.prob(m, "</s>", ["cat"], 0), 2 / 4), (
        "The end of the sentence is predicted like a word.")


def test_prob_normalized():
    for n, k, seed in [(1, 0.3, 0), (2, 1.0, 1), (3, 0.05, 2), (4, 2.0, 3)]:
        m = s.train(_corpus(seed), n)
        for h in (["w1", "w2", "w3"], [], ["w6"], ["never", "seen", "before", "w1"]):
            total = sum(s.prob(m, w, h, k) for w in m.vocab)
            assert np.isclose(total, 1.0), (
                f"For n = {n} the probabilities of all words after {h} sum to {total:.3f} instead "
                "of 1. Is |V| the size of the vocabulary and k in both places?")


def test_context_length():
    m = s.train(SENTS, 3)
    long = ["on", "a", "the", "dog"]
    assert np.isclose(s.prob(m, "saw", long, 0.1), s.prob(m, "saw", ["the", "dog"], 0.1)), (
        "Only the last n - 1 tokens of the context matter.")
    assert np.isclose(s.prob(m, "the", [], 0), 4 / 6), (
        "At the start of a sentence the context is padded with <s>.")
    assert np.isclose(s.prob(m, "cat", ["a"], 0), 1.0), (
        "A context that is too short must be padded with <s> in FRONT: 'a' is the first word here.")
    u = s.train(SENTS, 1)
    assert np.isclose(s.prob(u, "cat", ["the", "dog"], 0), s.prob(u, "cat", [], 0)), (
        "A unigram model ignores the context. Beware: tokens[-0:] is the whole list.")
    h = ["the", "dog"]
    s.prob(m, "saw", h, 0.1)
    assert h == ["the", "dog"], "prob changed the caller's context list."


def test_unknown_words():
    m = s.train([["a", "<unk>", "b"], ["<unk>", "b"], ["a", "b"]], 2)
    assert np.isclose(s.prob(m, "zzz", ["a"], 0), 1 / 2), (
        "An unknown word must be looked up as <unk>, which can have counts of its own.")
    assert np.isclose(s.prob(m, "b", ["zzz"], 0), 1.0), (
        "An unknown token in the CONTEXT becomes <unk> too.")
    assert np.isclose(s.prob(m, "a", ["<s>"], 0), 2 / 3), "<s> in a context is not unknown."


def test_zero_k_unseen_context():
    m = s.train(SENTS, 2)
    try:
        got = s.prob(m, "cat", ["unheard-of"], 0)
    except ZeroDivisionError:
        raise AssertionError(
            "k = 0 and an unseen context is 0 / 0: return 0.0 in this case.") from None
    assert got == 0.0, "k = 0 and an unseen context must give 0.0."


def test_perplexity_uniform():
    m = s.train([["a", "b"], ["c"]], 2)
    got = s.perplexity(m, [["zzz", "yyy", "xxx"]] * 2, 1e9)
    assert np.isclose(got, len(m.vocab), rtol=1e-4), (
        "With a huge k the model is uniform, and a uniform model's perplexity is |V|.")


def test_perplexity_value():
    for n, k, seed in [(1, 0.5, 4), (2, 0.1, 5), (3, 1.0, 6)]:
        m = s.train(_corpus(seed), n)
        test = _corpus(seed + 20, 9) + [["w1", "new", "w2"]]
        logs = []
        for x in test:
            for h, w in _events(x, n):
                h = tuple(t if t in m.vocab or t == "<s>" else "<unk>" for t in h)
                w = w if w in m.vocab else "<unk>"
                c = sum(v for g, v in m.ngrams.items() if g[:-1] == h)
                logs.append(math.log((m.ngrams.get(h + (w,), 0) + k) / (c + k * len(m.vocab))))
        got = s.perplexity(m, test, k)
        assert np.isclose(got, math.exp(-sum(logs) / len(logs))), (
            "Wrong perplexity. Average the natural-log probabilities over ALL predicted tokens of "
            "all sentences together (words and every </s>, but no <s>), then exp of minus that. "
            "Averaging per sentence, or averaging probabilities, gives something else.")


def test_perplexity_infinite():
    m = s.train(SENTS, 2)
    try:
        got = s.perplexity(m, [["the", "mat", "cat"]], 0)
    except ValueError:
        raise AssertionError(
            "log(0) failed: a zero probability means infinite perplexity.") from None
    assert got == math.inf, "One impossible token makes the perplexity infinite."


def test_perplexity_of_long_text():
    m = s.train(_corpus(7), 2)
    got = s.perplexity(m, [["w1", "w2", "w3"] * 2000], 0.1)
    assert 1 < got < 50, (
        "Perplexity of a long text broke down: a product of thousands of probabilities underflows "
        "to 0. Add logarithms instead.")


def test_generate_follows_the_counts():
    m = s.train([["a", "b", "c"]], 2)
    assert list(s.generate(m, 0, np.random.default_rng(0))) == ["a", "b", "c"], (
        "With one training sentence and k = 0 the only possible sentence is that one, "
        "without <s> and </s>.")
    rng = np.random.default_rng(1)
    m = s.train([["x"], ["x"], ["x"], ["y"], ["y", "z"]], 2)
    first = [(s.generate(m, 0, rng) or ["?"])[0] for _ in range(800)]
    assert abs(first.count("x") / 800 - 0.6) < 0.08, (
        "The first word should be drawn with P(w | <s>): sample, do not take the best word, and "
        "start from the padded context.")


def test_generate_context_and_limits():
    m = s.train([["a", "a", "b"], ["c", "a", "d"]], 3)
    rng = np.random.default_rng(2)
    for _ in range(40):
        assert list(s.generate(m, 0, rng)) in (["a", "a", "b"], ["c", "a", "d"]), (
            "A trigram model must use the last TWO generated tokens as context.")
    m = s.train([["r"] * 60], 2)
    out = s.generate(m, 0.01, np.random.default_rng(3), max_len=7)
    assert len(out) <= 7, "Stop after max_len tokens."
    m = s.train([["a"]], 1)
    outs = [s.generate(m, 5.0, rng, max_len=4) for _ in range(60)]
    assert all(len(o) <= 4 and "</s>" not in o and "<s>" not in o for o in outs), (
        "The result holds words only: no <s>, no </s>.")
    assert any("<unk>" in o for o in outs), (
        "With smoothing every word of the vocabulary, <unk> too, can be generated.")
