"""Does the check of sentences against passages tell true from false?

Pairs are made by code from lessons, notes and real papers, and split by document: thresholds are
fitted on the one half, the figures are those of the other. The baselines, cosine alone and word
overlap alone, get their best threshold on the same development half.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eval.corruption import CORRUPTIONS, join, reword
from eval.report import Context, Metric, TaskResult
from tutor.errors import TutorError
from tutor.ingest.chunk import chunk_document
from tutor.ingest.corpus import corpus_documents
from tutor.ingest.document import Chunk
from tutor.ingest.quotes import is_prose
from tutor.ingest.sentences import split_sentences
from tutor.ingest.worker import parse
from tutor.retrieve import Passage, stems
from tutor.support import SupportChecker, claims

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder

SENTENCES = 8  # of a document
QUICK = 6  # every so many documents with --quick
FEWEST_STEMS = 6
TRUE = ("word for word", "reworded", "two in one")
HUMAN, STRANGE = "human TL;DR beside its abstract", "human TL;DR beside another abstract"
WRONG = "another paper's passage"


@dataclass(frozen=True)
class Pair:
    """A sentence beside a passage.

    Attributes:
        kind: One of TRUE, of CORRUPTIONS, WRONG, HUMAN or STRANGE.
        held_out: Belongs to the half on which nothing is fitted.
    """

    sentence: str
    passage: Passage
    kind: str
    held_out: bool

    @property
    def true(self) -> bool:
        """Whether the passage supports the sentence."""
        return self.kind in (*TRUE, HUMAN)


def run(context: Context) -> TaskResult:
    """Recall of the true, rejection of each corruption, precision, beside both baselines."""
    embedder = context.tutor.embedder_if_loaded
    if embedder is None:
        return TaskResult("support", (), skipped="the embedding model is not prepared")
    pairs = list(build_pairs(context.shared, context.quick))
    ours = _checked(pairs, embedder)
    overlap, cosine = _baselines(pairs, embedder)
    verdicts = {
        "ours": ours,
        "cosine": cosine >= best_threshold(cosine, pairs),
        "overlap": overlap >= best_threshold(overlap, pairs),
    }
    metrics = []
    kinds = (*TRUE, *CORRUPTIONS, WRONG, HUMAN, STRANGE)
    for kind in kinds:
        rows = [i for i, p in enumerate(pairs) if p.held_out and p.kind == kind]
        if not rows:
            continue
        good = kind in (*TRUE, HUMAN)
        right = {name: float((found[rows] == good).mean()) for name, found in verdicts.items()}
        metrics.append(
            Metric(
                f"{'accepted' if good else 'rejected'}: {kind}", right["ours"], "",
                right["cosine"], "cosine",
                note=f"{len(rows)} pairs; word overlap {right['overlap']:.3f}",
            )
        )  # fmt: skip
    for split in (True, False):
        for name in ("precision", "recall", "balanced accuracy"):
            values = {n: _summary(pairs, found, split)[name] for n, found in verdicts.items()}
            metrics.append(
                Metric(
                    name if split else f"{name}, development half", values["ours"], "",
                    values["cosine"], "cosine", note=f"word overlap {values['overlap']:.3f}",
                )
            )  # fmt: skip
    return TaskResult("support", tuple(metrics), details=_mistakes(pairs, ours))


def build_pairs(shared: Path | None, quick: bool = False) -> Iterator[Pair]:
    """Pairs of every document that there is, the same on every run."""
    documents = list(_documents(shared, quick))
    for number, (name, chunks) in enumerate(documents):
        rng = random.Random(name)
        held_out = is_held_out(name)
        others = [
            chunk
            for other, theirs in documents[:number] + documents[number + 1 :]
            if other.partition(":")[0] == name.partition(":")[0] and is_held_out(other) == held_out
            for chunk in theirs
        ]
        places = [(c, i) for c in chunks for i in range(len(_prose(c)))]
        for chunk, i in rng.sample(places, min(SENTENCES, len(places))):
            prose, passage = _prose(chunk), _passage(chunk)
            sentence = prose[i]
            ways = {kind: change(sentence, chunk.text, rng) for kind, change in CORRUPTIONS.items()}
            ways |= {
                "word for word": sentence,
                "reworded": reword(sentence, chunk.text, rng),
                "two in one": join(prose[i : i + 2]) if _adjoin(prose[i : i + 2], chunk) else None,
            }
            for kind, text in ways.items():
                if text is not None:
                    yield Pair(text, passage, kind, held_out)
            if others:
                wanted = set(stems(sentence))
                some = rng.sample(others, min(40, len(others)))
                near = max(some, key=lambda c: len(wanted & set(stems(c.text))))
                yield Pair(sentence, _passage(near), WRONG, held_out)
    if shared is not None:
        yield from _human(shared, quick)


def is_held_out(name: str) -> bool:
    """Half of the documents, by the hash of the name; a paper goes with the note on it."""
    return hashlib.sha256(name.rpartition(":")[2].encode()).digest()[0] % 2 == 1


def _documents(shared: Path | None, quick: bool) -> Iterator[tuple[str, list[Chunk]]]:
    step = QUICK if quick else 1
    for document, chunks in list(corpus_documents())[::step]:
        kind = "lesson" if document.doc_id.startswith("lesson") else "note"
        yield f"{kind}:{document.doc_id.rpartition(':')[2]}", chunks
    files = [] if shared is None else sorted((shared / "papers").glob("*.pdf"))[::step]
    for path in files:
        try:
            document = parse(path)
        except TutorError:
            continue  # the task ingestion reports files that cannot be read
        yield f"paper:{path.stem.partition('_')[0]}", chunk_document(document)


def _human(shared: Path, quick: bool) -> Iterator[Pair]:
    """People's TL;DRs beside abstracts: in their own words, and not all of it in the abstract."""
    for split in ("dev", "test"):
        path = shared / "data" / "scitldr" / "SciTLDR-A" / f"{split}.jsonl"
        if not path.exists():
            continue
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        rows = rows[: 60 if quick else 300]
        passages = [
            Passage(
                key=row["paper_id"], kind="paper", doc_id=row["paper_id"], title="", section="",
                page=None, text=" ".join(row["source"]), score=1.0,
            )
            for row in rows
        ]  # fmt: skip
        for n, row in enumerate(rows):
            sentence = row["target"][0].strip()
            yield Pair(sentence, passages[n], HUMAN, split == "test")
            yield Pair(sentence, passages[n - 1], STRANGE, split == "test")


def _prose(chunk: Chunk) -> list[str]:
    """The sentences of a chunk that claim something by themselves."""
    return [
        sentence
        for sentence in (" ".join(s.split()) for s in split_sentences(claims(chunk.text)))
        if is_prose(sentence) and len(set(stems(sentence))) >= FEWEST_STEMS
    ]


def _adjoin(sentences: Sequence[str], chunk: Chunk) -> bool:
    return len(sentences) == 2 and " ".join(sentences) in " ".join(chunk.text.split())


def _passage(chunk: Chunk) -> Passage:
    return Passage(
        key=f"{chunk.doc_id}#{chunk.id}", kind=chunk.kind, doc_id=chunk.doc_id, title=chunk.title,
        section=chunk.section, page=chunk.page, text=chunk.text, score=1.0,
    )  # fmt: skip


def _checked(pairs: Sequence[Pair], embedder: Embedder | None) -> NDArray[np.bool_]:
    import numpy as np

    found = (SupportChecker([pair.passage], embedder).check(pair.sentence) for pair in pairs)
    return np.array([support is not None and support.supported for support in found])


def _baselines(
    pairs: Sequence[Pair], embedder: Embedder
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of stems in the nearest sentence of the passage, and its cosine, for each pair."""
    import numpy as np

    split = {p.passage.key: split_sentences(p.passage.text) for p in pairs}
    texts = sorted({s for ss in split.values() for s in ss} | {p.sentence for p in pairs})
    place = {text: n for n, text in enumerate(texts)}
    vectors = embedder.embed(texts)
    bags = [set(stems(text)) for text in texts]
    overlap, cosine = np.zeros(len(pairs)), np.zeros(len(pairs))
    for n, pair in enumerate(pairs):
        own = place[pair.sentence]
        near = [place[s] for s in split[pair.passage.key]]
        overlap[n] = max(len(bags[own] & bags[i]) for i in near) / max(len(bags[own]), 1)
        cosine[n] = (vectors[near] @ vectors[own]).max()
    return overlap, cosine


def best_threshold(scores: NDArray[np.float64], pairs: Sequence[Pair]) -> float:
    """The threshold with the best balanced accuracy on the development half."""
    import numpy as np

    grid = np.unique(np.quantile(scores, np.linspace(0, 1, 101)))
    return float(
        max(grid, key=lambda t: _summary(pairs, scores >= t, False)["balanced accuracy"])
    )  # fmt: skip


def _summary(pairs: Sequence[Pair], found: NDArray[np.bool_], held_out: bool) -> dict[str, float]:
    """Each kind weighs the same, and the true as much as the false."""
    accepted = {}
    for kind in (*TRUE, *CORRUPTIONS, WRONG):
        rows = [i for i, p in enumerate(pairs) if p.kind == kind and p.held_out == held_out]
        if rows:
            accepted[kind] = float(found[rows].mean())
    true = [share for kind, share in accepted.items() if kind in TRUE]
    false = [share for kind, share in accepted.items() if kind not in TRUE]
    recall, wrong = sum(true) / len(true), sum(false) / len(false)
    return {
        "precision": recall / (recall + wrong) if recall + wrong else 0.0,
        "recall": recall,
        "balanced accuracy": (recall + 1 - wrong) / 2,
    }


def _mistakes(pairs: Sequence[Pair], found: NDArray[np.bool_]) -> list[dict[str, object]]:
    """What went wrong in the development half, to be looked into; the other half stays unread."""
    return [
        {"kind": pair.kind, "sentence": pair.sentence, "passage": pair.passage.text}
        for pair, accepted in zip(pairs, found, strict=True)
        if accepted != pair.true and not pair.held_out
    ]
