"""Starter: byte-level byte-pair encoding. Fill in the functions."""

from __future__ import annotations

import re
from collections import Counter

Pair = tuple[int, int]


def split(text: str) -> list[str]:
    """Cut a text into chunks: words and symbols with an optional leading space, and blanks."""
    return re.findall(r" ?\w+| ?[^\w\s]+|\s+", text)


def pair_counts(chunks: list[list[int]]) -> dict[Pair, int]:
    """Count adjacent pairs inside the chunks (overlapping occurrences count)."""
    raise NotImplementedError("Write pair_counts.")


def merge(ids: list[int], pair: Pair, new_id: int) -> list[int]:
    """Return ids with non-overlapping occurrences of pair replaced, from left to right."""
    raise NotImplementedError("Write merge.")


def train(text: str, num_merges: int) -> list[Pair]:
    """Learn up to num_merges merges; stop when no pair occurs at least twice."""
    raise NotImplementedError("Write train.")


def encode(text: str, merges: list[Pair]) -> list[int]:
    """Return the token ids of a text."""
    raise NotImplementedError("Write encode.")


def decode(ids: list[int], merges: list[Pair]) -> str:
    """Return the text of token ids; invalid UTF-8 becomes U+FFFD."""
    raise NotImplementedError("Write decode.")
