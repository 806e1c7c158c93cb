"""Starter: span-level precision, recall and F1 for BIO tags. Fill in the functions."""

from __future__ import annotations

Span = tuple[int, int, str]


def bio_to_spans(tags: list[str]) -> list[Span]:
    """Return the (start, end, type) spans of a tag sequence, end exclusive, left to right."""
    raise NotImplementedError("Write bio_to_spans.")


def spans_to_bio(spans: list[Span], length: int) -> list[str]:
    """Return the BIO tags of non-overlapping spans in a sentence of the given length."""
    raise NotImplementedError("Write spans_to_bio.")


def prf(gold: list[list[str]], pred: list[list[str]]) -> dict[str, float]:
    """Return tp, fp, fn, precision, recall and f1 over all spans of all sentences."""
    raise NotImplementedError("Write prf.")


def prf_by_type(gold: list[list[str]], pred: list[list[str]]) -> dict[str, dict[str, float]]:
    """Return the six numbers for each entity type that occurs in gold or pred."""
    raise NotImplementedError("Write prf_by_type.")


def macro_f1(gold: list[list[str]], pred: list[list[str]]) -> float:
    """Return the unweighted mean F1 of the types in gold or pred; 0.0 if there are none."""
    raise NotImplementedError("Write macro_f1.")
