import random

import submission as s

TEXT = (
    "the theme of the thesis is that the other theory, though thorough, is thin. "
    "She sells sea shells; the shells she sells are sea shells. naïve café, naïve café! "
    "aaaa aaaaaa aaaa 日本語 日本 日本語 \U0001f642\U0001f642 1999 1998 1997\n\n\tthe end"
)


def _merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i:i + 2]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def _train(text, n):
    chunks = [list(c.encode()) for c in s.split(text)]
    merges = []
    while len(merges) < n:
        counts = {}
        for c in chunks:
            for p in zip(c, c[1:], strict=False):
                counts[p] = counts.get(p, 0) + 1
        if not counts or max(counts.values()) < 2:
            break
        top = max(counts.values())
        best = min(p for p, k in counts.items() if k == top)
        chunks = [_merge(c, best, 256 + len(merges)) for c in chunks]
        merges.append(best)
    return merges


def _encode(text, merges):
    rank = {p: i for i, p in enumerate(merges)}
    out = []
    for chunk in s.split(text):
        ids = list(chunk.encode())
        while True:
            cand = [p for p in zip(ids, ids[1:], strict=False) if p in rank]
            if not cand:
                break
            p = min(cand, key=rank.get)
            ids = _merge(ids, p, 256 + rank[p])
        out += ids
    return out


def test_split_is_untouched():
    assert s.split("Hello world!  ok") == ["Hello", " world", "!", "  ", "ok"], (
        "split is given; the tests rely on it unchanged.")


def test_pair_counts():
    got = dict(s.pair_counts([[1, 2, 1, 2], [2, 1], [], [9], [5, 5, 5]]))
    got = {tuple(k): v for k, v in got.items() if v}
    assert (2, 2) not in got and (1, 9) not in got and (9, 5) not in got, (
        "Pairs must not reach across the border of two chunks.")
    assert got == {(1, 2): 2, (2, 1): 2, (5, 5): 2}, (
        "Count every adjacent position, so [5, 5, 5] holds (5, 5) twice; (1, 2) is not (2, 1).")


def test_merge():
    assert list(s.merge([1, 2, 3, 1, 2], (1, 2), 300)) == [300, 3, 300], (
        "Every occurrence of the pair becomes one new id, also at the very end.")
    assert list(s.merge([1, 1, 1], (1, 1), 300)) == [300, 1], (
        "Go from left to right without overlap: [1, 1, 1] becomes [new, 1].")
    assert list(s.merge([1, 1, 1, 1, 1], (1, 1), 256)) == [256, 256, 1], (
        "After a replacement skip both tokens of the pair.")
    assert list(s.merge([2, 1], (1, 2), 300)) == [2, 1], "The order inside a pair matters."
    assert list(s.merge([], (1, 2), 300)) == [] and list(s.merge([1], (1, 2), 300)) == [1], (
        "Lists shorter than a pair stay as they are.")
    ids = [1, 2, 1, 2]
    s.merge(ids, (1, 2), 300)
    assert ids == [1, 2, 1, 2], "merge changed its argument; build a new list."


def test_train_first_merges():
    got = [tuple(p) for p in s.train("ab ab ab cd cd", 2)]
    assert got[:1] == [(97, 98)], "The first merge must be the most frequent pair."
    assert len(got) == 2 and got[1] in {(32, 99), (32, 256)}, (
        "After merging, pairs are counted again on the NEW ids.")
    assert got[1] == (32, 99), (
        "Several pairs occur equally often here: the tie goes to the smallest pair of ids.")


def test_train_tie():
    got = [tuple(p) for p in s.train("zq\tbm\tzq\tbm\tak\tak", 3)]
    assert got == [(97, 107), (98, 109), (122, 113)], (
        "In a tie take the smallest pair of ids, not the pair seen first or last.")


def test_train_matches_reference():
    for n in (5, 40, 500):
        got = [tuple(p) for p in s.train(TEXT, n)]
        want = _train(TEXT, n)
        assert len(got) <= n, "train must not learn more merges than asked for."
        assert got[:len(want)] == want[:len(got)], (
            "The learned merges leave the right path at some point. Recount after each merge, "
            "merge in every chunk, stay inside chunks and give new ids 256, 257, ... in order.")
        assert len(got) == len(want), (
            "Wrong number of merges: stop as soon as no pair occurs at least twice, not earlier "
            "and not later.")


def test_train_edge_cases():
    assert list(s.train("", 10)) == [], "There is nothing to merge in an empty text."
    assert list(s.train("abc", 10)) == [], "Pairs that occur only once are not merged."
    assert list(s.train("abab", 0)) == [], "Zero merges asked for, zero learned."
    assert [tuple(p) for p in s.train("é é", 5)][0] == (195, 169), (
        "Work on UTF-8 bytes, not on characters: é is two bytes.")


def test_encode_without_merges():
    for t in ("abc", "é日", "a b"):
        assert list(s.encode(t, [])) == list(t.encode()), (
            "Without merges the ids are the UTF-8 bytes.")


def test_encode_follows_merge_order():
    merges = [(98, 99), (97, 98), (97, 256)]
    assert list(s.encode("abc", merges)) == [258], (
        "In 'abc' the merge (b, c) was learned before (a, b), so it comes first and allows "
        "(a, bc). Do not merge greedily from the left.")
    merges = [(97, 98), (99, 100), (256, 99)]
    assert list(s.encode("abcd", merges)) == [256, 257], (
        "The earliest learned merges come first; taking the longest token gives another result.")


def test_encode_stays_inside_chunks():
    merges = [(97, 32), (32, 98), (97, 257)]
    assert list(s.encode("a b", merges)) == [97, 257], (
        "Encoding must use the same chunks as training: no merge across a chunk border.")


def test_encode_matches_reference():
    merges = _train(TEXT, 60)
    rng = random.Random(0)
    for _ in range(40):
        t = "".join(rng.choice("thesaon i,é本aa ") for _ in range(rng.randrange(40)))
        assert list(s.encode(t, merges)) == _encode(t, merges), (
            "Random text is encoded differently from 'earliest learned merge first, until none is "
            "possible, inside each chunk'.")


def test_decode():
    merges = [(104, 101), (256, 108), (257, 257)]
    assert s.decode([258, 111], merges) == "helhelo", (
        "A merged token stands for the bytes of its two parts, which may be merged tokens too.")
    assert s.decode([], merges) == "", "No ids, no text."
    assert s.decode([195, 169], []) == "é", (
        "A character may be spread over several tokens: join ALL bytes before decoding.")
    assert s.decode([72, 255, 105], []) == "H\ufffdi", (
        "A model can emit invalid UTF-8. Decoding must not fail: replace with U+FFFD.")


def test_round_trip():
    rng = random.Random(1)
    merges = [tuple(p) for p in s.train(TEXT, 80)]
    texts = [TEXT, "", "   ", "completely new wörds: \U0001f680!", "日本\n"]
    texts += ["".join(chr(rng.choice([65, 32, 233, 0x4E2D, 0x1F600, 10, 95])) for _ in range(25))
              for _ in range(20)]
    for t in texts:
        ids = s.encode(t, merges)
        assert s.decode(ids, merges) == t, (
            "decode(encode(text)) must give back every text exactly, whatever its characters.")
    assert len(s.encode(TEXT, merges)) < 0.6 * len(TEXT.encode()), (
        "The training text should become much shorter than its bytes.")
