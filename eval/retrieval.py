"""Does retrieval find the topic, the abstract, the paragraph? Our questions and two benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from eval.benchmarks import load_qasper, load_scifact, measure
from eval.report import Context, Metric, TaskResult, read_lines
from tutor.retrieve import Passage, Retriever


def run(context: Context) -> TaskResult:
    """Hit rates at 1 and 5 by topic: a passage of the lesson, or of a paper on the topic."""
    questions = [q for q in read_lines("questions.jsonl") if q["split"] == "test" and q["topic"]]
    hybrid = context.tutor.library.retriever()
    words = Retriever(hybrid.chunks)
    rates = {}
    details = []
    for name, retriever in (("hybrid", hybrid), ("words", words)):
        ranks, times = [], []
        for question in questions:
            found = retriever.search(question["question"], k=5)
            times.append(found.timings_ms["total"])
            rank = _rank(retriever, found.passages, question["topic"])
            ranks.append(rank)
            if name == "hybrid" and rank != 1:
                details.append(
                    {
                        "question": question["question"],
                        "topic": question["topic"],
                        "rank": rank,
                        "found": [p.key for p in found.passages],
                    }
                )
        rates[name] = (
            sum(r == 1 for r in ranks) / len(ranks),
            sum(r is not None for r in ranks) / len(ranks),
            median(times),
        )
    base = "BM25 alone"
    benchmarks, skipped = _benchmarks(context)
    return TaskResult(
        "retrieval",
        (
            Metric(
                "right topic first",
                rates["hybrid"][0],
                "",
                rates["words"][0],
                base,
                note=f"{len(questions)} questions",
            ),
            Metric(
                "right topic in the first five", rates["hybrid"][1], "", rates["words"][1], base
            ),
            Metric(
                "time of a query", rates["hybrid"][2], " ms", rates["words"][2], base, note="median"
            ),
            *benchmarks,
        ),
        skipped,
        details,
    )


def _benchmarks(context: Context) -> tuple[list[Metric], str]:
    """The figures of SciFact and QASPER, or why they were left out."""
    folder = context.shared and context.shared / "data"
    if folder is None or not (folder / "scifact_beir").exists():
        return [], "SciFact and QASPER: TUTOR_SHARED names no folder that holds them"
    if context.tutor.embedder_if_loaded is None:
        return [], "SciFact and QASPER: no embedding model"
    metrics = list(measure(context, load_qasper(folder / "qasper_dev")))
    if context.quick:
        return metrics, "SciFact: embedding 5,183 abstracts takes minutes"
    return [*metrics, *measure(context, load_scifact(folder / "scifact_beir"))], ""


def _rank(retriever: Retriever, passages: Sequence[Passage], topic: str) -> int | None:
    topics = {f"{chunk.doc_id}#{chunk.id}": chunk.topics for chunk in retriever.chunks}
    for rank, passage in enumerate(passages, start=1):
        if topic in topics[passage.key]:
            return rank
    return None
