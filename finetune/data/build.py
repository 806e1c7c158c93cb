"""Runs the makers of rows, cleans what they make, and writes it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from corpus.roadmap import load_roadmap
from finetune.data.card import write_card
from finetune.data.facts import RememberedEmbedder, training_retriever
from finetune.data.feedback import feedback_rows
from finetune.data.grounded import grounded_rows, refusal_rows
from finetune.data.hints import dialogue_rows, hint_rows
from finetune.data.preferences import preference_pairs
from finetune.data.questions import all_questions
from finetune.data.quiz import quiz_rows
from finetune.data.rows import Row, write_rows
from finetune.data.split import HELD_OUT_TOPICS, decontaminate, deduplicate, evaluation_runs
from finetune.data.summaries import summary_rows
from finetune.data.wording import word_rows
from tutor.app import Tutor
from tutor.errors import InputError

TENTH = 10  # every tenth pair is kept from training, to measure the reward model


def build(tutor: Tutor, out: Path, seed: int = 0, only: Sequence[str] | None = None) -> str:
    """Make all rows and pairs, and the card beside them.

    Args:
        tutor: Its library must be prepared; without embeddings facts are chosen by words alone.
        only: Names of makers to run; None runs all.

    Returns:
        The card as Markdown.

    Raises:
        InputError: `only` names no maker.
    """
    out.mkdir(parents=True, exist_ok=True)
    inner = tutor.embeddings_or_none()
    embedder = RememberedEmbedder(inner, out / "embeddings.npz") if inner is not None else None
    retriever = training_retriever(tutor.library, embedder)
    topics = [t.id for t in load_roadmap().topics() if t.id not in HELD_OUT_TOPICS]
    asked = [q for q in all_questions() if q.topic in topics]
    Random(f"questions:{seed}").shuffle(asked)
    makers: dict[str, Callable[[], Iterator[Row]]] = {
        "grounded": lambda: grounded_rows(asked, retriever, embedder, seed),
        "refusal": lambda: refusal_rows(asked, retriever, embedder, seed),
        "quiz": lambda: quiz_rows(retriever, topics, seed),
        "word": lambda: word_rows(retriever, topics),
        "feedback": lambda: feedback_rows(topics, seed),
        "hints": lambda: hint_rows(topics, seed),
        "dialogue": lambda: dialogue_rows(topics),
        "summaries": lambda: summary_rows(topics, seed),
    }
    unknown = set(only or ()) - set(makers)
    if unknown:
        raise InputError(
            f"There is no maker of {', '.join(sorted(unknown))}.", f"There are {', '.join(makers)}."
        )
    made: list[Row] = []
    for name in only or makers:
        before = len(made)
        for row in makers[name]():
            made.append(row)
            if len(made) % 100 == 0 and sys.stderr.isatty():
                print(f"\r{name}: {len(made) - before}", end="", file=sys.stderr, flush=True)
        print(f"\r{name}: {len(made) - before} rows", file=sys.stderr, flush=True)
        if embedder is not None:
            embedder.save()
    rows, repeated = deduplicate(made)
    rows, contaminated = decontaminate(rows, evaluation_runs(tutor.settings.shared))
    pairs, repeated_pairs = deduplicate(preference_pairs(rows, seed))
    removed = {"repeated": repeated, "contaminated": contaminated, "repeated pairs": repeated_pairs}
    Random(f"order:{seed}").shuffle(pairs)
    write_rows(rows, out / "sft.jsonl")
    write_rows((p for i, p in enumerate(pairs) if i % TENTH), out / "preferences.jsonl")
    write_rows(pairs[::TENTH], out / "preferences_held_out.jsonl")
    return write_card(out, rows, pairs, removed, seed)
