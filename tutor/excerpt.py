"""The sentences of the passages that answer a question best, word for word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutor.ingest.sentences import split_sentences
from tutor.retrieve import Passage, stems
from tutor.retrieve.comparison import compared_papers
from tutor.retrieve.definitions import asked_term, introduces
from tutor.support import claims

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

SOURCES = 5  # passages that an answer is made from
QUOTED_SENTENCES = 5  # of an answer without a model
SHORT_CHARACTERS = 900  # of a passage that is shown as one quote
EMBEDDED_RUNS = 16  # runs of sentences compared with the question by meaning
RUNS_OF_EACH = 4  # … of each paper that a question compares, at the least
# Where a lesson says what a thing is, and where it says how topics hang together.
SECTION_WORTH = {"In short": 0.1, "The idea": 0.05, "Note": 0.05, "Why it matters": -0.05,
                 "Worked example": -0.1, "Connections": -0.3}  # fmt: skip
DEFINES = 0.5  # of a sentence that says what the thing asked for is


def best_sentences(
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder | None,
    most: int = QUOTED_SENTENCES,
) -> list[tuple[int, str]]:
    """(passage, sentence) pairs in reading order: near to the question, each adding something.

    Where the question compares papers, each of them has its say.
    """
    runs = _runs(passages[:SOURCES])
    if not runs:
        return [(i, shortened(p.text)) for i, p in enumerate(passages[:2])]
    wanted = set(stems(question))
    term = asked_term(question)

    def by_words(run: _Run) -> float:
        found = wanted & set(stems(run.text))
        worth = SECTION_WORTH.get(passages[run.passage].section, 0.0)
        formula = 0.15 if run.text.startswith("$$") or run.text[0].islower() else 0.0
        shared = len(found) / (len(wanted) or 1)
        says_what = DEFINES if introduces(run.sentences[0], term) else 0.0
        return 0.3 * shared + 0.3 * passages[run.passage].score + worth - formula + says_what

    titles = {p.doc_id: p.title for p in passages[:SOURCES] if p.kind == "paper"}
    compared = compared_papers(question, titles)
    of = {doc_id: [r for r in runs if passages[r.passage].doc_id == doc_id] for doc_id in compared}
    runs = sorted(runs, key=by_words, reverse=True)[:EMBEDDED_RUNS]
    for own in of.values():
        best = sorted(own, key=by_words, reverse=True)[:RUNS_OF_EACH]
        runs += [run for run in best if run not in runs]
    value = {run: by_words(run) for run in runs}
    if embedder is not None:
        vectors = embedder.embed([question, *(run.text for run in runs)])
        for run, cosine in zip(runs, vectors[1:] @ vectors[0], strict=True):
            value[run] += 0.5 * float(cosine)
    chosen: dict[tuple[int, int], str] = {}
    said: set[str] = set()
    said_sentences: set[str] = set()  # neighbouring passages share a sentence
    ranked = sorted(runs, key=lambda run: -value[run])
    heads = [max((run for run in own if run in value), key=value.__getitem__, default=None)
             for own in of.values()]  # fmt: skip
    for run in dict.fromkeys([*(run for run in heads if run is not None), *ranked]):
        vocabulary = set(stems(run.text))
        places = [(run.passage, run.start + k) for k in range(len(run.sentences))]
        repeated = any(p in chosen for p in places) or not said_sentences.isdisjoint(run.sentences)
        if repeated or len(chosen) + len(places) > most:
            continue
        if vocabulary and len(vocabulary - said) >= 0.35 * len(vocabulary):
            chosen.update(zip(places, run.sentences, strict=True))
            said |= vocabulary
            said_sentences.update(run.sentences)
    if not chosen:
        return [(i, shortened(p.text)) for i, p in enumerate(passages[:2])]
    # Passages in the order in which they came in; within a passage as the author put them.
    order = {i: rank for rank, i in enumerate(dict.fromkeys(i for i, _ in chosen))}
    places = sorted(chosen, key=lambda place: (order[place[0]], place[1]))
    return [(place[0], chosen[place]) for place in places]


@dataclass(frozen=True)
class _Run:
    """One sentence of a passage, or two neighbours, which often make sense together alone."""

    passage: int
    start: int
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def _runs(passages: Sequence[Passage]) -> list[_Run]:
    runs = []
    for i, passage in enumerate(passages):
        sentences = _quotable(passage.text)
        fine = [
            30 <= len(s) <= 420 and "```" not in s and re.search(r"[.!?:]\W*$", s) is not None
            for s in sentences
        ]
        for start in range(len(sentences)):
            for length in (1, 2):
                if start + length <= len(sentences) and all(fine[start : start + length]):
                    runs.append(_Run(i, start, tuple(sentences[start : start + length])))
    return runs


def _quotable(text: str) -> list[str]:
    """The sentences that a passage asserts, without the signs of a list."""
    return [
        re.sub(r"^\s*(?:[-*+>]|\d+\.)\s+", "", s).strip() for s in split_sentences(claims(text))
    ]


def shortened(text: str) -> str:
    """A passage on one line, cut after a whole sentence."""
    text = " ".join(text.split())
    if len(text) <= SHORT_CHARACTERS:
        return text
    kept = ""
    for sentence in split_sentences(text):
        if kept and len(kept) + len(sentence) > SHORT_CHARACTERS:
            break
        kept = f"{kept} {sentence}".strip()
    return kept[:SHORT_CHARACTERS]
