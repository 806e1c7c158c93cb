"""What is never trained on: held-out topics with their lessons and papers, and eval's questions.

The one place that lists them; data, evaluation and tests read it here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Set
from functools import cache
from pathlib import Path
from typing import TypeVar

from corpus.exercises import load_items
from corpus.lessons import load_lessons
from corpus.papers import load_papers
from finetune.data.rows import Pair, Row

# Two topics or so of each stage: the share of answers that hold is measured on these alone.
HELD_OUT_TOPICS = frozenset(
    (
        "neural-networks",
        "word-embeddings",
        "stop-words",
        "positional-encoding",
        "multi-head-attention",
        "hf-loading-fine-tuning",
        "bert-architecture",
        "model-parallelism",
        "rlhf",
        "knowledge-distillation",
        "efficient-inference",
        "project-chatbot",
        "ethical-ai",
    )
)
NGRAM = 8  # words in a row that a row must not share with evaluation data
EVAL_DATA = Path(__file__).parents[2] / "eval" / "data"

AnyRow = TypeVar("AnyRow", Row, Pair)


@cache
def held_out_papers() -> frozenset[str]:
    """arXiv ids of the papers whose first topic is held out."""
    return frozenset(p.id for p in load_papers().values() if p.topics[0] in HELD_OUT_TOPICS)


def is_held_out(doc_id: str) -> bool:
    """Whether a document ("lesson:…" or "arxiv:…") is kept from training."""
    kind, _, name = doc_id.partition(":")
    return name in (HELD_OUT_TOPICS if kind == "lesson" else held_out_papers())


def ngrams(text: str, n: int = NGRAM) -> Iterator[tuple[str, ...]]:
    """Runs of n words, in lower case; a shorter text is one run."""
    words = re.findall(r"\w+", text.lower())
    if words:
        yield from (tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1)))


def evaluation_runs(shared: Path | None = None) -> set[tuple[str, ...]]:
    """Runs of words of what the project is measured on: eval's data, and real data at hand.

    Some of eval's data quotes the corpus (hints, generated questions); what the corpus says itself
    does not count there, but counts in the questions that learners and messages are stood in by.
    """
    asked: set[tuple[str, ...]] = set()
    quoting: set[tuple[str, ...]] = set()
    for path in sorted(EVAL_DATA.glob("*.jsonl")):
        into = asked if path.name.startswith(("questions", "router")) else quoting
        into.update(run for text in _strings(path) for run in ngrams(text))
    if shared is not None:
        for path in sorted((shared / "data").glob("**/*.jsonl")):
            quoting.update(run for text in _strings(path) for run in ngrams(text))
    own = (run for text in _corpus_texts() for run in ngrams(text))
    return asked | quoting.difference(own)


def _corpus_texts() -> Iterator[str]:
    for lesson in load_lessons().values():
        yield lesson.markdown
    for paper in load_papers().values():
        yield f"{paper.note.text} {paper.why}"
    for item in load_items().values():
        yield from _leaves(item.model_dump())


def _strings(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            yield from _leaves(json.loads(line))
        except ValueError:
            continue


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if len(value.split()) >= 4:  # labels and names are no content
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)


def decontaminate(rows: Iterable[AnyRow], known: Set[tuple[str, ...]]) -> tuple[list[AnyRow], int]:
    """Drop rows that share a run of words with evaluation data.

    The system prompts are ours and the same for all rows, so they are not compared.

    Returns:
        The rows that stay, and how many went.
    """
    kept, dropped = [], 0
    for row in rows:
        spoken = [message.content for message in row.prompt if message.role != "system"]
        spoken += [row.target] if isinstance(row, Row) else [row.chosen]
        # Line by line: a run over a line's end would join what does not belong together.
        lines = (line for text in spoken for line in text.splitlines())
        if any(run in known for line in lines for run in ngrams(line) if len(run) >= 4):
            dropped += 1
        else:
            kept.append(row)
    return kept, dropped


def deduplicate(rows: Iterable[AnyRow]) -> tuple[list[AnyRow], int]:
    """Drop rows whose prompt and reply, in lower case and without punctuation, stood before."""
    seen: set[tuple[str, ...]] = set()
    kept, dropped = [], 0
    for row in rows:
        key = _key(row)
        if key in seen:
            dropped += 1
        else:
            seen.add(key)
            kept.append(row)
    return kept, dropped


def _key(row: Row | Pair) -> tuple[str, ...]:
    """Prompt and replies, folded."""
    replies = (row.target,) if isinstance(row, Row) else (row.chosen, row.rejected)
    return tuple(_folded(text) for text in (*(m.content for m in row.prompt), *replies))


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
