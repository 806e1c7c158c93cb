import math
from collections import Counter

import submission as s

DOCS = [
    "The heron nests in tall pines near the lake and eats fish, frogs and small eels.",
    "Pines grow slowly on sandy soil. Their cones open in dry weather.",
    "The lake freezes in January. Skaters meet on the lake when the ice is thick, and the lake "
    "stays closed to boats until the ice has melted in March.",
    "A ferry crosses to the island twice a day in summer.",
    "Frogs breathe through their skin. Frogs lay eggs in ponds.",
]


def words(n):
    return " ".join(f"w{i}" for i in range(n))


def test_chunks():
    cases = [
        (10, 4, 0, [(0, 4), (4, 8), (8, 10)]),
        (10, 4, 1, [(0, 4), (3, 7), (6, 10)]),
        (8, 4, 0, [(0, 4), (4, 8)]),
        (7, 5, 3, [(0, 5), (2, 7)]),
        (3, 5, 2, [(0, 3)]),
        (9, 4, 3, [(i, i + 4) for i in range(6)]),
    ]
    for n, size, overlap, spans in cases:
        w = words(n).split()
        want = [" ".join(w[a:b]) for a, b in spans]
        got = s.chunk_words(words(n), size, overlap)
        assert got == want, (
            f"{n} words, size {size}, overlap {overlap}: expected the spans {spans}, got {got}. "
            "Each piece starts size - overlap words later; the tail is kept, and no piece follows "
            "one that has already reached the end."
        )


def test_chunks_whitespace_and_errors():
    assert s.chunk_words(" a\n b\t c ", 2, 0) == ["a b", "c"], "Split on any whitespace."
    assert s.chunk_words("  ", 3, 1) == [], "Empty text has no pieces."
    for size, overlap in ((0, 0), (3, 3), (3, 4), (3, -1)):
        try:
            s.chunk_words("a b c d e", size, overlap)
        except ValueError as error:
            assert "range()" not in str(error), "Check size and overlap yourself, for any text."
            continue
        assert False, f"size={size}, overlap={overlap} must raise ValueError."


def slow_scores(passages, query):
    bags = [Counter(s.tokenize(p)) for p in passages]
    n = len(passages)
    df = Counter(t for b in bags for t in b)

    def vec(bag):
        return {t: c * (math.log((1 + n) / (1 + df[t])) + 1) for t, c in bag.items() if df[t]}

    q, out = vec(Counter(s.tokenize(query))), []
    for b in bags:
        v = vec(b)
        dot = sum(x * v.get(t, 0.0) for t, x in q.items())
        size = math.sqrt(sum(x * x for x in q.values()) * sum(x * x for x in v.values()))
        out.append(dot / size if size else 0.0)
    return out


def check_search(passages, query, k):
    got = s.Index(passages).search(query, k)
    scores = slow_scores(passages, query)
    order = sorted((i for i, x in enumerate(scores) if x > 0), key=lambda i: (-scores[i], i))
    assert [i for i, _ in got] == order[:k], (
        f"For {query!r} the ranking should be {order[:k]}, got {[i for i, _ in got]}. Cosine of "
        "TF-IDF vectors, best first, ties by index, nothing with score 0."
    )
    for i, x in got:
        assert math.isclose(x, scores[i], abs_tol=1e-9), (
            f"Passage {i} should score {scores[i]:.4f} for {query!r}, got {x:.4f}: weights are "
            "count times idf on both sides, divided by both lengths; unknown query tokens are "
            "ignored."
        )


def test_search():
    check_search(DOCS, "frogs in the lake", 3)
    check_search(DOCS, "Where do herons or frogs eat fish near the lake?", 5)
    check_search(DOCS, "pines pines cones", 2)
    check_search(DOCS, "ice on the lake", 1)


def test_search_prefers_rare_words():
    passages = ["model alpha", "model beta", "model gamma", "model model", "zeta"]
    got = s.Index(passages).search("model gamma", 5)
    assert got[0][0] == 2, "The rare word must decide: it has the larger idf."
    check_search(passages, "model gamma", 5)


def test_search_is_fair_to_short_passages():
    long = "ice cream " * 6 + "is sold at the harbor by two old friends who also rent out boats"
    passages = [long, "ice thickness"]
    got = s.Index(passages).search("ice thickness on the lake", 2)
    assert got[0][0] == 1, "A long passage that repeats one word must not win: divide by lengths."
    check_search(passages, "ice", 2)


def test_search_without_matches():
    index = s.Index(DOCS)
    assert index.search("quantum chromodynamics", 3) == [], "No match: return an empty list."
    assert index.search("the of and", 3) == [], "A query of stop words only matches nothing."
    got = index.search("ferry", 4)
    assert [i for i, _ in got] == [3], "Passages with score 0 must be left out."


def test_search_ties():
    got = s.Index(["red fox", "blue jay", "red fox", "red fox"]).search("fox", 2)
    assert [i for i, _ in got] == [0, 2], "Equal scores: the lower index comes first."
    assert isinstance(got[0][0], int) and isinstance(got[0][1], float), "Plain int and float."


def test_prompt():
    question = "When does the lake freeze?"
    prompt = s.build_prompt(question, [DOCS[2], DOCS[1]], 100)
    lines = [x.strip() for x in prompt.splitlines()]
    assert s.NO_ANSWER in prompt, "Tell the model what to reply when the sources do not suffice."
    assert f"[1] {DOCS[2]}" in lines and f"[2] {DOCS[1]}" in lines, (
        "Each source needs its own line, [1] first: numbers start at 1, in the given order."
    )
    assert "[0]" not in prompt, "Numbers start at 1."
    where = [prompt.index(x) for x in (s.NO_ANSWER, f"[1] {DOCS[2]}", f"[2] {DOCS[1]}")]
    assert where + [prompt.rindex(question)] == sorted(where + [prompt.rindex(question)]), (
        "The order must be: instructions, sources, question."
    )
    assert prompt.rstrip().endswith(question), "The question comes last."


def test_prompt_budget():
    passages = ["one two three", "four five", "six seven eight nine", "ten"]
    for budget, n in ((100, 4), (10, 4), (9, 3), (8, 2), (5, 2), (4, 1), (2, 0)):
        prompt = s.build_prompt("Why?", passages, budget)
        lines = [x.strip() for x in prompt.splitlines()]
        got = [p for i, p in enumerate(passages) if f"[{i + 1}] {p}" in lines]
        assert got == passages[:n], (
            f"With max_words={budget} exactly the first {n} of the passages with 3, 2, 4 and 1 "
            f"words fit, the prompt has {got}. Stop at the first that does not fit; the limit "
            "itself is allowed; instructions and question do not count."
        )


def status(answer, passages=None, **kw):
    return [x for _, x in s.check_citations(answer, DOCS if passages is None else passages, **kw)]


def test_citations_basic():
    answer = (
        "Frogs breathe through their skin [5]. The lake freezes in January [3]! Skaters like tea. "
        "Ferries burn diesel fuel from Norway [4]."
    )
    got = s.check_citations(answer, DOCS)
    assert [x for x, _ in got] == [
        "Frogs breathe through their skin [5].",
        "The lake freezes in January [3]!",
        "Skaters like tea.",
        "Ferries burn diesel fuel from Norway [4].",
    ], "One pair per sentence, as split_sentences gives them, citations included."
    assert [x for _, x in got] == ["supported", "supported", "uncited", "unsupported"], (
        f"Statuses are {[x for _, x in got]}: citations count from 1, and support is the share of "
        "the sentence's tokens found in what it cites."
    )


def test_citation_numbers_start_at_one():
    assert status("The heron nests in tall pines [1].") == ["supported"], "[1] is passages[0]."
    assert status("Frogs lay eggs in ponds [5].") == ["supported"], "The last number is valid."


def test_citations_invalid():
    for n in (0, 6, 42):
        assert status(f"Frogs lay eggs in ponds [{n}].") == ["invalid"], (
            f"[{n}] does not exist with {len(DOCS)} passages. Beware of negative indices: the "
            "passage before the first is Python's last."
        )
    assert status("Frogs lay eggs in ponds [5][9].") == ["invalid"], (
        "One number outside the range makes the sentence invalid, even next to a valid one."
    )


def test_citations_abstain():
    assert status(s.NO_ANSWER) == ["abstained"], "The agreed reply counts as abstaining."
    assert status("I don't know much [4].")[0] != "abstained", "Only the exact reply abstains."
    assert status("") == [], "An empty answer has no sentences."


def test_citations_together():
    sentence = "Herons eat frogs, and frogs lay eggs near pines and cones [1][5]."
    assert status("Frogs eat fish and lay eggs [1][5].") == ["supported"], (
        "Several citations support a sentence together: join the tokens of the passages."
    )
    tokens = set(s.tokenize("Herons eat frogs, and frogs lay eggs near pines and cones"))
    found = set(s.tokenize(DOCS[0])) | set(s.tokenize(DOCS[4]))
    share = len(tokens & found) / len(tokens)
    assert status(sentence, threshold=share) == ["supported"], (
        "A share equal to the threshold is enough; count DISTINCT tokens and leave the citation "
        "numbers out."
    )
    assert status(sentence, threshold=share + 0.01) == ["unsupported"], "Use the given threshold."


def test_citation_numbers_are_no_words():
    passages = ["route map", "timetable 2 express"]
    assert status("Express leaves late tonight [2].", passages, threshold=0.3) == ["unsupported"], (
        "One token of four is supported. The 2 of [2] is no token of the sentence: remove "
        "citations before you count."
    )


def test_citations_share_of_the_sentence():
    passages = ["lake ice " + words(40)]
    assert status("Lake ice [1].", passages) == ["supported"], (
        "The share is measured on the SENTENCE's tokens; a long passage is no disadvantage."
    )
    assert status("[1].", passages) == ["unsupported"], "A bare citation says nothing."
