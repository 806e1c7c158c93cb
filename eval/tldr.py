"""The gist of a paper without a model, beside people's TL;DRs (SciTLDR, Cachola et al., 2020).

The tutor picks one sentence of the abstract, as `Ranking.gist` does for a summary; "words alone" is
what it picks while the embedding model is not there. Baselines: the
first sentence, the first three, the first by TextRank (Mihalcea and Tarau, 2004). The oracle, the
sentence of the abstract with the highest ROUGE-L, is what any choice of one sentence can reach.
A margin is the mean difference to a baseline on the same papers; its interval is a paired bootstrap
over papers (Efron and Tibshirani, 1993, chapter 13).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from eval.report import Context, Metric, TaskResult
from tutor.ingest.document import Document, Section
from tutor.ingest.quotes import without_citations
from tutor.ingest.salience import Ranking, content_words, quotable_sentences, without_lead_in

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

QUICK = 150  # papers
DAMPING = 0.85
OURS = ("tutor", "words alone", "oracle")  # no baselines
BASELINES = ("lead-3", "TextRank")  # to beat, by more than the interval of the margin
RESAMPLES = 4000
SEED = 0
Row = dict[str, Any]


def run(context: Context) -> TaskResult:
    """ROUGE-L and embedding similarity on the test split."""
    path = None if context.shared is None else folder(context.shared) / "test.jsonl"
    if path is None or not path.exists():
        return TaskResult("tldr", (), skipped="TUTOR_SHARED names no folder with SciTLDR")
    rows = read_rows(path)[: QUICK if context.quick else None]
    embedder = context.tutor.embedder_if_loaded
    ways: dict[str, Callable[[Row], str]] = {
        "tutor": lambda row: gist(row, embedder),
        "words alone": gist,
        "lead-1": lambda row: row["source"][0],
        "lead-3": lambda row: " ".join(row["source"][:3]),
        "TextRank": textrank,
        "oracle": oracle,
    }
    texts = {name: [way(row) for row in rows] for name, way in ways.items()}
    rouge = {
        name: [best_rouge(text, row["target"]) for text, row in zip(found, rows, strict=True)]
        for name, found in texts.items()
    }
    metrics = _metrics("ROUGE-L F1", rouge)
    if embedder:
        targets = [embedder.embed(row["target"]) for row in rows]
        cosine = {}
        for name, found in texts.items():
            vectors = embedder.embed(found)
            cosine[name] = [float((t @ v).max()) for t, v in zip(targets, vectors, strict=True)]
        metrics += _metrics("embedding similarity", cosine)
    lengths = {name: fmean(len(text.split()) for text in found) for name, found in texts.items()}
    metrics.append(_metric("words of a TL;DR", lengths, "lead-3"))
    metrics.append(Metric("papers", float(len(rows)), note="SciTLDR-A, test"))
    return TaskResult("tldr", tuple(metrics))


def _metrics(name: str, scores: dict[str, list[float]]) -> list[Metric]:
    """The mean beside the best baseline's, and the margin over each baseline to beat."""
    means = {way: fmean(values) for way, values in scores.items()}
    best = max((way for way in means if way not in OURS), key=lambda way: means[way])
    metrics = [_metric(name, means, best)]
    for way in BASELINES:
        margin, low, high = paired_margin(scores["tutor"], scores[way])
        note = f"95% interval {low:+.4f} to {high:+.4f}"
        metrics.append(Metric(f"{name}: margin over {way}", margin, note=note))
    return metrics


def _metric(name: str, values: dict[str, float], baseline: str) -> Metric:
    note = ", ".join(f"{way} {value:.3f}" for way, value in values.items() if way != "tutor")
    return Metric(name, values["tutor"], "", values[baseline], baseline, note=note)


def paired_margin(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The mean difference of two ways on the same papers, with the ends of its 95% interval."""
    import numpy as np

    differences = np.asarray(ours) - np.asarray(theirs)
    drawn = np.random.default_rng(SEED).integers(
        0, len(differences), size=(RESAMPLES, len(differences))
    )
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(differences.mean()), float(low), float(high)


def folder(shared: Path) -> Path:
    """Where SciTLDR with abstracts as input lies."""
    return shared / "data" / "scitldr" / "SciTLDR-A"


def read_rows(path: Path) -> list[Row]:
    """Papers with the sentences of the abstract (`source`) and TL;DRs by people (`target`)."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [row for row in rows if row["source"] and row["target"]]


def gist(row: Row, embedder: Embedder | None = None) -> str:
    """The sentence that the tutor's summary would show as TL;DR."""
    sentences = [" ".join(sentence.split()) for sentence in row["source"]]
    text = "\n\n".join(sentences)
    document = Document(
        doc_id=f"file:{row['paper_id']}", kind="paper", title=row.get("title") or "", authors=(),
        year=None, arxiv_id=None, abstract=text,
        sections=(Section("Abstract", 1, None, text),),
    )  # fmt: skip
    ranking = Ranking(quotable_sentences(document), f"{document.title} {text}", document.title)
    best = ranking.gist(embedder)
    # Abstracts without a sentence fit to be quoted: the summary shows the title, here the lead.
    return without_lead_in(without_citations(best.text)) if best else sentences[0]


def textrank(row: Row) -> str:
    """The sentence with the highest PageRank in the graph of shared words."""
    bags = [set(content_words(sentence)) for sentence in row["source"]]
    weights = [
        [len(a & b) / (math.log(len(a)) + math.log(len(b))) if a is not b and
         len(a) > 1 and len(b) > 1 else 0.0 for b in bags]
        for a in bags
    ]  # fmt: skip
    totals = [sum(line) for line in weights]
    ranks = [1.0] * len(bags)
    for _ in range(30):
        ranks = [
            1 - DAMPING + DAMPING * sum(
                line[i] / total * rank
                for line, total, rank in zip(weights, totals, ranks, strict=True) if total
            )
            for i in range(len(bags))
        ]  # fmt: skip
    return str(row["source"][max(range(len(bags)), key=lambda i: ranks[i])])


def oracle(row: Row) -> str:
    """The sentence that comes nearest to the people's."""
    return max(map(str, row["source"]), key=lambda sentence: best_rouge(sentence, row["target"]))


def best_rouge(text: str, references: Sequence[str]) -> float:
    """The highest ROUGE-L against any reference, as SciTLDR scores."""
    return max(rouge_l(text, reference) for reference in references)


def rouge_l(text: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin, 2004, section 3), without stemming."""
    from rapidfuzz.distance import LCSseq

    said, wanted = (re.findall(r"[a-z0-9]+", part.lower()) for part in (text, reference))
    if not said or not wanted:
        return 0.0
    return 2 * LCSseq.similarity(said, wanted) / (len(said) + len(wanted))
