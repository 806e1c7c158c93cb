import random

import submission as s


def _spans(tags):
    got = s.bio_to_spans(tags)
    return [tuple(x) for x in got]


def _close(a, b):
    return abs(a - b) < 1e-9


def test_plain_spans():
    assert _spans(["O", "B-PER", "I-PER", "O", "B-LOC"]) == [(1, 3, "PER"), (4, 5, "LOC")], (
        "Two entities: the end is EXCLUSIVE, and a span that reaches the end of the sentence "
        "counts too.")
    assert _spans(["B-ORG", "I-ORG", "I-ORG"]) == [(0, 3, "ORG")], (
        "A span may fill the whole sentence; it must be closed at the end.")
    assert _spans(["O", "O"]) == [] and _spans([]) == [], "No entity, no span."


def test_adjacent_spans():
    assert _spans(["B-PER", "B-PER", "I-PER", "B-LOC"]) == [
        (0, 1, "PER"), (1, 3, "PER"), (3, 4, "LOC")], (
        "B always begins a new entity, even directly after one of the same type. "
        "That is what B is for.")


def test_stray_inside():
    assert _spans(["I-PER", "I-PER", "O", "I-LOC"]) == [(0, 2, "PER"), (3, 4, "LOC")], (
        "A stray I after O or at the start opens a span in this (lenient) reading: "
        "it must not be dropped.")
    assert _spans(["B-PER", "I-LOC", "I-LOC"]) == [(0, 1, "PER"), (1, 3, "LOC")], (
        "I of another type ends the open span and opens one of its own type.")


def test_hyphenated_types():
    assert _spans(["B-work-of-art", "I-work-of-art", "B-work"]) == [
        (0, 2, "work-of-art"), (2, 3, "work")], (
        "Cut the tag at its FIRST hyphen only: the type may contain hyphens.")


def test_spans_to_bio():
    got = list(s.spans_to_bio([(4, 6, "LOC"), (0, 1, "PER"), (1, 3, "PER")], 7))
    assert got == ["B-PER", "B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"], (
        "B on the first token of a span, I on the others up to the EXCLUSIVE end, O elsewhere.")
    assert list(s.spans_to_bio([], 3)) == ["O"] * 3, "Without spans everything is O."


def test_round_trip():
    rng = random.Random(0)
    for _ in range(60):
        spans, i = [], 0
        while i < 18:
            i += rng.choice([0, 0, 1, 3])
            j = min(20, i + rng.randint(1, 4))
            spans.append((i, j, rng.choice(["PER", "LOC", "X-Y"])))
            i = j
        spans = [x for x in spans if x[0] < x[1]]
        shuffled = spans[:]
        rng.shuffle(shuffled)
        tags = s.spans_to_bio(shuffled, 20)
        assert len(tags) == 20, "spans_to_bio returns one tag per token."
        assert _spans(tags) == spans, (
            "Spans -> tags -> spans must be the identity, with spans from left to right.")


def test_exact_match_only():
    gold = [["B-LOC", "I-LOC", "O", "B-PER", "O"]]
    r = s.prf(gold, [["B-LOC", "O", "O", "B-ORG", "O"]])
    assert r["tp"] == 0, (
        "Half a city and a person of type ORG are no matches: start, end AND type must agree. "
        "Do you count tokens, or ignore the type?")
    assert (r["fp"], r["fn"]) == (2, 2), (
        "A wrong span is a false positive, and the gold span it missed is a false negative.")
    assert r["precision"] == r["recall"] == r["f1"] == 0.0, (
        "Without true positives all three scores are 0.0 (and 0 / 0 must not fail).")


def test_scores():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "O"], ["B-LOC", "O"]]
    pred = [["B-PER", "I-PER", "O", "O"], ["B-ORG", "B-ORG", "B-PER"], ["B-LOC", "O"]]
    r = s.prf(gold, pred)
    assert {"tp", "fp", "fn", "precision", "recall", "f1"} <= set(r), "Some keys are missing."
    assert (r["tp"], r["fp"], r["fn"]) == (3, 2, 1), "Count spans over all sentences."
    assert _close(r["precision"], 3 / 5) and _close(r["recall"], 3 / 4), (
        "Precision is tp / predicted spans, recall is tp / gold spans: are they swapped?")
    assert _close(r["f1"], 2 / 3), (
        "F1 is the HARMONIC mean of precision and recall, not their average.")


def test_micro_average():
    gold = [["B-A"] * 8, ["B-A", "O"]]
    pred = [["B-A"] * 8, ["O", "B-A"]]
    r = s.prf(gold, pred)
    assert _close(r["f1"], 8 / 9), (
        "Pool the counts over the corpus first. Averaging the F1 of sentences gives every short "
        "sentence the weight of a long one.")


def test_sentences_are_separate():
    gold = [["B-PER", "O"], ["O", "B-LOC"], ["B-PER", "O"]]
    pred = [["O", "B-LOC"], ["B-PER", "O"], ["B-PER", "O"]]
    r = s.prf(gold, pred)
    assert (r["tp"], r["fp"], r["fn"]) == (1, 2, 2), (
        "The same positions in ANOTHER sentence are no match, and equal spans of different "
        "sentences are different entities: keep the sentence number with the span.")
    r = s.prf([["B-A"]] * 5, [["B-A"]] * 5)
    assert r["tp"] == 5, "Equal spans of different sentences must each be counted."


def test_nothing_to_find():
    for gold, pred in [([["O"]], [["O"]]), ([], []), ([[]], [[]])]:
        try:
            r, m, t = s.prf(gold, pred), s.macro_f1(gold, pred), s.prf_by_type(gold, pred)
        except ZeroDivisionError:
            raise AssertionError("A ratio with denominator 0 must be 0.0, not an error.") from None
        assert r["precision"] == r["recall"] == r["f1"] == 0.0 and m == 0.0, (
            "The task sets every ratio with denominator 0 to 0.0.")
        assert dict(t) == {}, "Without spans there are no types to report."
    r = s.prf([["B-X", "O"]], [["O", "O"]])
    assert (r["precision"], r["recall"], r["fn"]) == (0.0, 0.0, 1), (
        "Predicting nothing gives precision 0.0 by convention and one miss here.")


def test_value_error():
    for gold, pred in [([["O"]], []), ([["O", "O"]], [["O"]]), ([["O"], ["O"]], [["O"], []])]:
        try:
            s.prf(gold, pred)
        except ValueError:
            continue
        raise AssertionError(
            "Different numbers of sentences or tokens must raise ValueError: silent zip would "
            "score a part of the data only.")


def test_by_type():
    gold = [["B-PER", "I-PER", "B-LOC", "O"], ["B-LOC", "O", "B-LOC", "O"]]
    pred = [["B-PER", "I-PER", "B-ORG", "O"], ["B-LOC", "O", "O", "B-PER"]]
    t = s.prf_by_type(gold, pred)
    assert set(t) == {"PER", "LOC", "ORG"}, (
        "Report every type of gold OR pred: a type that is only predicted must show its errors.")
    assert (t["PER"]["tp"], t["PER"]["fp"], t["PER"]["fn"]) == (1, 1, 0), "Wrong counts for PER."
    assert (t["LOC"]["tp"], t["LOC"]["fp"], t["LOC"]["fn"]) == (1, 0, 2), "Wrong counts for LOC."
    assert (t["ORG"]["tp"], t["ORG"]["fp"], t["ORG"]["fn"]) == (0, 1, 0), "Wrong counts for ORG."
    assert _close(t["LOC"]["f1"], 0.5) and _close(t["PER"]["recall"], 1), "Wrong ratios per type."
    assert _close(s.macro_f1(gold, pred), (2 / 3 + 0.5 + 0) / 3), (
        "Macro F1 is the plain mean of the F1 of ALL these types; types with F1 0 count, and "
        "frequent types get no extra weight.")


def test_random_corpora():
    rng = random.Random(1)
    tags = ["O", "O", "B-A", "I-A", "B-B", "I-B"]
    for _ in range(20):
        gold = [[rng.choice(tags) for _ in range(rng.randrange(9))] for _ in range(6)]
        pred = [[t if rng.random() < 0.7 else rng.choice(tags) for t in x] for x in gold]
        r, t = s.prf(gold, pred), s.prf_by_type(gold, pred)
        for key in ("tp", "fp", "fn"):
            assert r[key] == sum(v[key] for v in t.values()), (
                "The counts of all types must add up to the counts of the corpus.")
        n_gold = sum(len(s.bio_to_spans(x)) for x in gold)
        n_pred = sum(len(s.bio_to_spans(x)) for x in pred)
        assert r["tp"] + r["fn"] == n_gold and r["tp"] + r["fp"] == n_pred, (
            "tp + fn must be the number of gold spans, tp + fp that of predicted spans.")
