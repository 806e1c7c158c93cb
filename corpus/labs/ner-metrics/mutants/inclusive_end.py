"""Mistake: the end of a span is its last token."""

from __future__ import annotations

Span = tuple[int, int, str]


def bio_to_spans(tags: list[str]) -> list[Span]:
    """Return the (start, end, type) spans of a tag sequence, left to right."""
    spans: list[Span] = []
    start, kind = 0, None
    for i, tag in enumerate([*tags, "O"]):  # the extra O closes a span at the end
        prefix, _, label = tag.partition("-")
        if kind is not None and not (prefix == "I" and label == kind):
            spans.append((start, i - 1, kind))
            kind = None
        if prefix != "O" and kind is None:
            start, kind = i, label
    return spans


def spans_to_bio(spans: list[Span], length: int) -> list[str]:
    """Return the BIO tags of non-overlapping spans in a sentence of the given length."""
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start] = f"B-{label}"
        for i in range(start + 1, end + 1):
            tags[i] = f"I-{label}"
    return tags


def _span_set(sentences: list[list[str]]) -> set[tuple[int, int, int, str]]:
    """Return all spans of a corpus, each with the number of its sentence."""
    return {(n, *span) for n, tags in enumerate(sentences) for span in bio_to_spans(tags)}


def _scores(gold: set, pred: set) -> dict[str, float]:
    """Return counts and ratios for two sets of spans."""
    tp = len(gold & pred)
    fp, fn = len(pred) - tp, len(gold) - tp
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": tp / len(pred) if pred else 0.0,
        "recall": tp / len(gold) if gold else 0.0,
        "f1": 2 * tp / (2 * tp + fp + fn) if gold or pred else 0.0,
    }


def _checked(gold: list[list[str]], pred: list[list[str]]) -> tuple[set, set]:
    """Return both span sets; raise ValueError if the corpora do not line up."""
    if len(gold) != len(pred) or any(len(g) != len(p) for g, p in zip(gold, pred, strict=True)):
        raise ValueError("gold and pred must have the same sentences and lengths")
    return _span_set(gold), _span_set(pred)


def prf(gold: list[list[str]], pred: list[list[str]]) -> dict[str, float]:
    """Return tp, fp, fn, precision, recall and f1 over all spans of all sentences."""
    return _scores(*_checked(gold, pred))


def prf_by_type(gold: list[list[str]], pred: list[list[str]]) -> dict[str, dict[str, float]]:
    """Return the six numbers for each entity type that occurs in gold or pred."""
    g, p = _checked(gold, pred)
    types = sorted({span[-1] for span in g | p})
    return {t: _scores({x for x in g if x[-1] == t}, {x for x in p if x[-1] == t}) for t in types}


def macro_f1(gold: list[list[str]], pred: list[list[str]]) -> float:
    """Return the unweighted mean F1 of the types in gold or pred; 0.0 if there are none."""
    by_type = prf_by_type(gold, pred)
    return sum(s["f1"] for s in by_type.values()) / len(by_type) if by_type else 0.0
