"""Mistake: counts each repeated pair only without overlap."""

from __future__ import annotations

import re
from collections import Counter

Pair = tuple[int, int]


def split(text: str) -> list[str]:
    """Cut a text into chunks: words and symbols with an optional leading space, and blanks."""
    return re.findall(r" ?\w+| ?[^\w\s]+|\s+", text)


def pair_counts(chunks: list[list[int]]) -> dict[Pair, int]:
    """Count adjacent pairs inside the chunks."""
    counts: Counter[Pair] = Counter()
    for ids in chunks:
        i = 0
        while i + 1 < len(ids):
            counts[ids[i], ids[i + 1]] += 1
            i += 2 if ids[i : i + 2] == ids[i + 1 : i + 3] else 1
    return dict(counts)


def merge(ids: list[int], pair: Pair, new_id: int) -> list[int]:
    """Return ids with non-overlapping occurrences of pair replaced, from left to right."""
    out = []
    i = 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def train(text: str, num_merges: int) -> list[Pair]:
    """Learn up to num_merges merges; stop when no pair occurs at least twice."""
    chunks = [list(chunk.encode("utf-8")) for chunk in split(text)]
    merges: list[Pair] = []
    while len(merges) < num_merges:
        counts = pair_counts(chunks)
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < 2:
            break
        new_id = 256 + len(merges)
        chunks = [merge(ids, best, new_id) for ids in chunks]
        merges.append(best)
    return merges


def encode(text: str, merges: list[Pair]) -> list[int]:
    """Return the token ids of a text."""
    out: list[int] = []
    for chunk in split(text):
        ids = list(chunk.encode("utf-8"))
        # a merge only ever creates its own, newer id, so one pass in learned order is enough
        for i, pair in enumerate(merges):
            ids = merge(ids, pair, 256 + i)
        out.extend(ids)
    return out


def decode(ids: list[int], merges: list[Pair]) -> str:
    """Return the text of token ids; invalid UTF-8 becomes U+FFFD."""
    table = [bytes([b]) for b in range(256)]
    for left, right in merges:
        table.append(table[left] + table[right])
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace")
