import math

import numpy as np
import submission as s

TEXTS = [
    "The cat sat on the mat.",
    "A dog and a cat: the dog chased the cat!",
    "Neural networks learn features; networks of networks learn more.",
    "GPT-2 has 1.5B parameters",
    "the the the",
    "",
    "Zebra-fish fish fish.",
]


def _idf(df, n):
    return math.log((1 + n) / (1 + df)) + 1


def test_tokenize():
    assert s.tokenize("Don't PANIC: GPT-2, in 2019!") == [
        "don", "t", "panic", "gpt", "2", "in", "2019"], (
        "Tokens are lower-cased maximal runs of a-z and 0-9; every other character separates.")
    assert s.tokenize("snake_case  ... ") == ["snake", "case"], (
        "The underscore is no letter: \\w would keep it. Empty strings are no tokens either.")
    assert list(s.tokenize("")) == [], "An empty text has no tokens."


def test_vocab_is_alphabetical():
    vocab, idf = s.fit(TEXTS)
    terms = sorted({t for x in TEXTS for t in s.tokenize(x)})
    assert set(vocab) == set(terms), "The vocabulary holds every term of the collection once."
    assert [vocab[t] for t in terms] == list(range(len(terms))), (
        "Columns must follow the alphabetical order of the terms, counted from 0.")
    assert np.shape(idf) == (len(terms),), "idf has one entry per term."


def test_idf_values():
    vocab, idf = s.fit(TEXTS)
    n = len(TEXTS)
    for term, df in [("cat", 2), ("dog", 1), ("networks", 1), ("fish", 1), ("the", 3)]:
        assert np.isclose(idf[vocab[term]], _idf(df, n)), (
            f"The idf of '{term}' is off. df counts DOCUMENTS (a document that repeats the term "
            "counts once), N includes empty documents, the logarithm is natural, and 1 is added "
            "to numerator, denominator and result.")


def test_vectorize_values():
    vocab, idf = s.fit(TEXTS)
    M = np.asarray(s.vectorize(TEXTS, vocab, idf))
    assert M.shape == (len(TEXTS), len(vocab)), "One row per text, one column per term."
    w = {"a": 2 * _idf(1, 7), "dog": 2 * _idf(1, 7), "and": _idf(1, 7), "cat": 2 * _idf(2, 7),
         "the": 2 * _idf(3, 7), "chased": _idf(1, 7)}
    norm = math.sqrt(sum(v * v for v in w.values()))
    want = np.zeros(len(vocab))
    for t, v in w.items():
        want[vocab[t]] = v / norm
    assert np.allclose(M[1], want), (
        "Row weights must be count * idf, divided by the row's Euclidean norm. Raw counts, not "
        "0 / 1 flags and not relative frequencies with another norm.")
    sizes = np.linalg.norm(M, axis=1)
    assert np.allclose(np.delete(sizes, 5), 1), "Every non-empty row must have Euclidean norm 1."


def test_empty_and_unknown():
    vocab, idf = s.fit(TEXTS)
    try:
        M = np.asarray(s.vectorize(["", "qwerty xyzzy", "cat qwerty"], vocab, idf))
    except KeyError:
        raise AssertionError(
            "A term outside the vocabulary raised KeyError; new texts always contain some. "
            "Ignore such terms.") from None
    assert not np.any(np.isnan(M)), (
        "A text without known terms gave nan: its norm is 0. Guard the division.")
    assert not np.any(M[:2]), "Texts without any known term are rows of zeros."
    assert np.isclose(M[2, vocab["cat"]], 1.0), (
        "Unknown terms must not count in the norm: they have no column.")


def test_search_scores():
    vocab, idf = s.fit(TEXTS)
    M = s.vectorize(TEXTS, vocab, idf)
    got = s.search("the cat", M, vocab, idf)
    q = {"the": _idf(3, 7), "cat": _idf(2, 7)}
    qn = math.sqrt(sum(v * v for v in q.values()))
    want = {}
    for i, x in enumerate(TEXTS):
        toks = s.tokenize(x)
        d = {t: toks.count(t) * idf[vocab[t]] for t in set(toks)}
        dn = math.sqrt(sum(v * v for v in d.values())) or 1.0
        score = sum(q[t] * d.get(t, 0) for t in q) / qn / dn
        if score > 0:
            want[i] = score
    assert all(sc > 0 for _, sc in got), "Documents with similarity 0 are no results."
    assert {i for i, _ in got} == set(want), (
        "search must return exactly the documents that share a term with the query.")
    for i, sc in got:
        assert abs(sc - want[i]) < 1e-6, (
            "A similarity is not the cosine of query and document. The query needs idf weights "
            "and norm 1 as well, with the collection's vocab and idf.")
    scores = [sc for _, sc in got]
    assert scores == sorted(scores, reverse=True), "Best document first."


def test_search_limits():
    vocab, idf = s.fit(TEXTS)
    M = s.vectorize(TEXTS, vocab, idf)
    assert len(s.search("the cat", M, vocab, idf, k=2)) == 2, "Return at most k results."
    assert list(s.search("qwerty", M, vocab, idf)) == [], (
        "A query without known terms finds nothing; it must not return documents with score 0.")
    assert list(s.search("", M, vocab, idf)) == [], "An empty query finds nothing."


def test_search_ties():
    texts = ["beta only"] + ["alpha beta", "beta gamma alpha delta", "alpha beta"] * 6
    vocab, idf = s.fit(texts)
    M = s.vectorize(texts, vocab, idf)
    got = [i for i, _ in s.search("alpha", M, vocab, idf, k=19)]
    twins = [i for i in range(1, 19) if i % 3 != 2]
    assert got[:12] == twins, (
        "Documents with equal similarity must come in the order of their numbers. Reversing an "
        "ascending argsort also reverses the ties; sort by (-score, number) instead.")


def test_rare_term_beats_frequent_term():
    texts = ["common rare", "common stuff", "common thing", "common word", "rare common stuff"]
    vocab, idf = s.fit(texts)
    M = np.asarray(s.vectorize(texts, vocab, idf))
    assert M[0, vocab["rare"]] > M[0, vocab["common"]], (
        "At equal counts the rarer term must weigh more: is the idf fraction upside down?")


def test_top_terms():
    vocab, idf = s.fit(TEXTS)
    M = s.vectorize(TEXTS, vocab, idf)
    assert list(s.top_terms(M, vocab, 1, 3)) == ["a", "dog", "cat"], (
        "top_terms sorts by weight, largest first; equal weights go alphabetically.")
    assert list(s.top_terms(M, vocab, 6, 10)) == ["fish", "zebra"], (
        "Terms with weight 0 do not belong to the document: leave them out even if k is larger.")
    assert list(s.top_terms(M, vocab, 5, 3)) == [], "An empty document has no top terms."
