"""The data card: what is in a data set, where it came from, and what was taken out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from corpus.papers import load_papers
from finetune.data.rows import Pair, Row
from finetune.data.split import HELD_OUT_TOPICS, NGRAM, held_out_papers

SOURCES = {
    "lesson": "lessons of this project (corpus/lessons), Apache-2.0",
    "arxiv": "notes of this project on papers (corpus/papers.yaml), Apache-2.0; no paper's text",
    "bank": "item bank of this project (corpus/exercises), Apache-2.0",
    "param": "computed exercises of this project (tutor/exercises/parametric), Apache-2.0",
}


def write_card(
    folder: Path, rows: Sequence[Row], pairs: Sequence[Pair], removed: Mapping[str, int], seed: int
) -> str:
    """Write card.json and card.md beside the data; returns the Markdown."""
    files = sorted(path for path in folder.glob("*.jsonl"))
    card: dict[str, Any] = {
        "seed": seed,
        "rows": dict(Counter(row.skill for row in rows).most_common()),
        "pairs": dict(Counter(f"{p.skill}: {p.flaw}" for p in pairs).most_common()),
        "sources": dict(Counter(row.source.partition(":")[0] for row in rows).most_common()),
        "topics": len({row.topic for row in rows}),
        "held_out_topics": sorted(HELD_OUT_TOPICS),
        "held_out_papers": {i: load_papers()[i].title for i in sorted(held_out_papers())},
        "removed": dict(removed),
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False), "utf-8")
    text = _markdown(card)
    (folder / "card.md").write_text(text, "utf-8")
    return text


def _markdown(card: Mapping[str, Any]) -> str:
    total, pairs = sum(card["rows"].values()), sum(card["pairs"].values())
    lines = [
        "# Data card",
        "",
        f"{total} rows for supervised fine-tuning and {pairs} preference pairs over "
        f"{card['topics']} topics, seed {card['seed']}. Targets are assembled and checked by code; "
        "none is a model's text.",
        "",
        "| skill | rows |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in card["rows"].items()),
        "",
        "| pairs | |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in card["pairs"].items()),
        "",
        "| source | rows | licence |",
        "|---|---|---|",
        *(f"| {name} | {n} | {SOURCES.get(name, '')} |" for name, n in card["sources"].items()),
        "",
        f"Held out topics: {', '.join(card['held_out_topics'])}.",
        f"Held out papers: {'; '.join(card['held_out_papers'].values())}.",
        "",
        f"Removed: {card['removed']} (contaminated: {NGRAM} words in a row stand in evaluation "
        "data).",
        "",
        *(f"- `{name}` SHA-256 {digest}" for name, digest in card["sha256"].items()),
    ]
    return "\n".join(lines) + "\n"
