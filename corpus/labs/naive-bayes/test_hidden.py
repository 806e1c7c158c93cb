import math

import numpy as np
import submission as s

TEXTS = [
    "I don't like it. Bad, bad film!",
    "A good film and a good cast",
    "Dull and bad",
    "It was good",
    "The film was shown on Monday",
    "bad sound",
]
LABELS = ["neg", "pos", "neg", "pos", "other", "neg"]


def _tokens(c):
    return [w for t, l in zip(TEXTS, LABELS) if l == c for w in s.tokenize(t)]


def test_tokenize():
    assert s.tokenize("Don't SHOUT: 2 films, well-made!") == [
        "don't", "shout", "films", "well", "made"], (
        "Words are lower-cased maximal runs of a-z and the apostrophe; digits and hyphens separate.")
    assert list(s.tokenize("")) == [], "An empty text has no words."


def test_classes_and_vocabulary():
    m = s.fit(TEXTS, LABELS)
    assert list(m["classes"]) == ["neg", "other", "pos"], (
        "classes are the distinct labels in sorted order, whatever order the data has.")
    words = sorted({w for t in TEXTS for w in s.tokenize(t)})
    assert [m["vocab"].get(w) for w in words] == list(range(len(words))), (
        "vocab holds the words of ALL classes; columns follow the alphabet, counted from 0.")
    assert np.shape(m["log_prior"]) == (3,), "log_prior has one entry per class."
    assert np.shape(m["log_likelihood"]) == (3, len(words)), "log_likelihood has shape (K, V)."


def test_prior_counts_texts():
    m = s.fit(TEXTS, LABELS)
    assert np.allclose(np.exp(m["log_prior"]), [3 / 6, 1 / 6, 2 / 6]), (
        "P(c) is the share of training TEXTS with label c: not of words, and not the same for all.")


def test_likelihood_is_smoothed():
    m = s.fit(TEXTS, LABELS)
    p = np.exp(np.asarray(m["log_likelihood"]))
    assert np.all(np.isfinite(m["log_likelihood"])), (
        "A word that a class never showed got log 0. Add 1 to every count.")
    assert np.allclose(p.sum(axis=1), 1), (
        "The word probabilities of a class must sum to 1: the denominator is the class's number "
        "of words plus the size of the whole vocabulary.")
    for row, c in enumerate(m["classes"]):
        for w in ("bad", "good", "film", "monday"):
            want = (_tokens(c).count(w) + 1) / (len(_tokens(c)) + len(m["vocab"]))
            assert math.isclose(p[row, m["vocab"][w]], want), (
                f"P('{w}' | {c}) is off. Count every occurrence ('bad' occurs twice in the first "
                "text), add exactly 1, and divide by the class's words plus |V|.")


def test_log_scores():
    m = s.fit(TEXTS, LABELS)
    text = "Good good film"
    got = np.asarray(s.log_scores(m, [text, "bad"]))
    assert got.shape == (2, 3), "log_scores has one row per text and one column per class."
    for k in range(3):
        ll = m["log_likelihood"][k]
        want = m["log_prior"][k] + 2 * ll[m["vocab"]["good"]] + ll[m["vocab"]["film"]]
        assert math.isclose(got[0, k], want), (
            "A score is the log prior plus one log-likelihood for EACH word, repeats included.")


def test_unknown_words_are_skipped():
    m = s.fit(TEXTS, LABELS)
    try:
        got = np.asarray(s.log_scores(m, ["qwerty bad xyzzy", "bad", "", "qwerty"]))
    except (KeyError, IndexError):
        raise AssertionError(
            "A word outside the vocabulary raised an error; new texts always hold some. "
            "Skip such words.") from None
    assert np.allclose(got[0], got[1]), "Words outside the vocabulary must not change the score."
    assert np.allclose(got[2:], m["log_prior"]), "Without a known word the prior alone decides."


def test_scores_do_not_change_the_model():
    m = s.fit(TEXTS, LABELS)
    before = np.array(m["log_prior"])
    first = np.array(s.log_scores(m, ["bad film", "bad film"]))
    assert np.allclose(m["log_prior"], before), (
        "log_scores changed the model's log_prior: += on an array changes it in place. Copy it.")
    assert np.allclose(first[0], first[1]), "Equal texts must get equal scores."


def test_posterior():
    m = s.fit(TEXTS, LABELS)
    p = np.asarray(s.posterior(m, TEXTS))
    assert p.shape == (6, 3) and np.allclose(p.sum(axis=1), 1), (
        "The classes of ONE text share the probability 1: normalize along the last axis.")
    weights = np.exp(np.asarray(s.log_scores(m, TEXTS)))
    assert np.allclose(p, weights / weights.sum(axis=1, keepdims=True)), (
        "The posterior is the softmax of the log scores.")
    long = np.asarray(s.posterior(m, ["bad film " * 2000]))
    assert np.all(np.isfinite(long)) and long[0, 0] > 0.99, (
        "A long text gave nan: its likelihood underflows to 0. Subtract the largest log score "
        "before you take the exponential.")


def test_predict():
    m = s.fit(TEXTS, LABELS)
    got = list(s.predict(m, ["bad bad film", "a good cast", "shown on monday", ""]))
    assert got == ["neg", "pos", "other", "neg"], (
        "predict takes the class with the highest score; an empty text falls back on the prior.")
    tied = s.fit(["x y", "x y"], ["b", "a"])
    assert list(s.predict(tied, ["x"])) == ["a"], "Of equal classes the first in classes wins."
    assert list(s.predict(m, ["bad film " * 2000])) == ["neg"], "Long texts must work as well."


def test_prior_decides_between_weak_signs():
    m = s.fit(["good x"] + ["x y"] * 9, ["pos"] + ["neg"] * 9)
    assert list(s.predict(m, ["x"])) == ["neg"], (
        "With nine negative texts to one positive the prior must count.")


def test_majority():
    assert list(s.majority(LABELS, 4)) == ["neg"] * 4, (
        "The baseline says the most frequent training label for each of the n texts.")
    assert list(s.majority(["z", "b", "z", "b"], 2)) == ["b", "b"], (
        "Equally frequent labels: the alphabetically first.")
    assert list(s.majority(["a"], 0)) == [], "No text, no label."


def test_macro_f1():
    gold = ["a"] * 8 + ["b"] * 2
    assert math.isclose(s.macro_f1(gold, gold), 1.0), "A perfect classifier has macro-F1 = 1."
    flat = s.macro_f1(gold, ["a"] * 10)
    assert math.isclose(flat, (16 / 18 + 0) / 2), (
        f"The majority baseline got {flat:.3f}. Macro-F1 is the plain mean over the classes and "
        "0 for a class that is never hit; it is neither accuracy nor weighted by size.")
    mixed = s.macro_f1(["a", "a", "a", "b", "b", "c"], ["a", "b", "a", "b", "c", "c"])
    assert math.isclose(mixed, (4 / 5 + 2 / 4 + 2 / 3) / 3), (
        "F1 = 2TP / (2TP + FP + FN): count false positives and false negatives.")
    assert math.isclose(s.macro_f1(["a", "b"], ["a", "z"]), 0.5), (
        "The mean goes over the classes of gold; a predicted label that gold lacks adds no class.")
