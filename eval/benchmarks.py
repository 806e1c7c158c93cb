"""Public benchmarks through the tutor's own `Retriever`, beside baselines of the same run.

SciFact (Wadden et al., 2020, as in BEIR): 300 claims, 5,183 abstracts. QASPER (Dasigi et al.,
2021): questions on one paper, its paragraphs to be found. nDCG@10 and Recall@10, as BEIR has them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from eval.report import Context, Metric
from eval.vectors import embed_chunks, embed_texts
from tutor.ingest.chunk import chunk_document
from tutor.ingest.document import Chunk, Document, Section
from tutor.retrieve import Retriever

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

K = 10
RRF_K, RRF_DEPTH = 60, 100  # Cormack et al., 2009


@dataclass(frozen=True)
class Query:
    """A question with what should be found.

    Attributes:
        paper: Search in this document alone, or None.
        relevant: Names of the relevant items: documents, or paragraphs of the paper.
    """

    text: str
    paper: str | None
    relevant: frozenset[str]


@dataclass(frozen=True)
class Benchmark:
    """Texts, queries, and the passages that the texts are cut into.

    Attributes:
        texts: Item's name -> its whole text, for the baselines.
        papers: Document -> names of its items; empty where all items are searched.
        item_of: Chunk id -> name of its item.
    """

    name: str
    texts: dict[str, str]
    papers: dict[str, list[str]]
    queries: list[Query]
    chunks: list[Chunk]
    item_of: dict[str, str]


def ndcg(found: Sequence[str], relevant: frozenset[str], k: int = K) -> float:
    """Normalised discounted cumulative gain of binary relevance (Järvelin and Kekäläinen, 2002)."""
    gain = sum(1 / math.log2(rank + 2) for rank, name in enumerate(found[:k]) if name in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))


def recall(found: Sequence[str], relevant: frozenset[str], k: int = K) -> float:
    """Share of what is relevant among the first k."""
    return len(relevant.intersection(found[:k])) / len(relevant)


def load_scifact(folder: Path) -> Benchmark:
    """Abstracts, cut by the tutor's chunker as any paper is; one counts as its best passage."""
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels_test.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, set()).add(document)
    queries = [
        Query(row["text"], None, frozenset(relevant[row["_id"]]))
        for row in _rows(folder / "queries.jsonl")
        if row["_id"] in relevant
    ]
    texts: dict[str, str] = {}
    chunks: list[Chunk] = []
    item_of: dict[str, str] = {}
    for row in _rows(folder / "corpus.jsonl"):
        texts[row["_id"]] = f"{row['title']}\n{row['text']}"
        for chunk in _cut(row["_id"], row["title"], row["text"]):
            chunks.append(replace(chunk, section=""))
            item_of[chunk.id] = row["_id"]
    return Benchmark("SciFact", texts, {}, queries, chunks, item_of)


def _cut(name: str, title: str, text: str) -> list[Chunk]:
    document = Document(
        doc_id=name, kind="paper", title=title, authors=(), year=None, arxiv_id=None, abstract="",
        sections=(Section("", 1, None, text),), references=(), page_texts=(), sha256="",
    )  # fmt: skip
    return chunk_document(document)


def load_qasper(folder: Path) -> Benchmark:
    """Paragraphs, cut by the tutor's chunker where they are longer than a passage."""
    texts: dict[str, str] = {}
    papers: dict[str, list[str]] = {}
    chunks: list[Chunk] = []
    item_of: dict[str, str] = {}
    for row in _rows(folder / "papers.jsonl"):
        paper = row["paper_id"]
        for number, text in enumerate(row["paragraphs"]):
            name = f"{paper}/{number}"
            texts[name] = text
            papers.setdefault(paper, []).append(name)
            for chunk in _cut(paper, row["title"] or "", text):
                key = f"{name}/{chunk.ordinal}"
                chunks.append(replace(chunk, id=key, section="", ordinal=len(chunks)))
                item_of[key] = name
    queries = [
        Query(
            row["question"], row["paper_id"],
            frozenset(f"{row['paper_id']}/{number}" for number in row["gold"]),
        )
        for row in _rows(folder / "questions.jsonl")
    ]  # fmt: skip
    return Benchmark("QASPER", texts, papers, queries, chunks, item_of)


def measure(context: Context, benchmark: Benchmark) -> tuple[Metric, ...]:
    """nDCG@10 and Recall@10 of the tutor's retriever, fusion of the baselines beside it."""
    embedder = context.tutor.embedder()
    index, store = embed_chunks(context, benchmark.name, benchmark.chunks, embedder)
    retriever = Retriever(benchmark.chunks, index, embedder, store)
    times: list[float] = []

    def search(query: Query) -> list[str]:
        found = retriever.search(query.text, 4 * K, paper=query.paper)
        times.append(found.timings_ms["total"])
        keys = [passage.key.partition("#")[2] for passage in found.passages]
        return list(dict.fromkeys(benchmark.item_of[key] for key in keys))

    scores = {"tutor": _mean(benchmark, search)}
    baselines = Baselines(context, benchmark, embedder)
    for name in ("words", "dense", "rrf"):
        scores[name] = _mean(benchmark, getattr(baselines, name))
    store.close()
    return tuple(
        Metric(
            f"{benchmark.name} {figure}",
            scores["tutor"][i],
            baseline=scores["rrf"][i],
            baseline_name="reciprocal-rank fusion",
            note=f"BM25 {scores['words'][i]:.3f}, MiniLM {scores['dense'][i]:.3f};"
            f" {len(benchmark.queries)} queries",
        )
        for i, figure in enumerate((f"nDCG@{K}", f"Recall@{K}"))
    ) + (
        Metric(
            f"{benchmark.name} time of a query",
            sorted(times)[int(0.95 * len(times))],
            " ms",
            note=f"p95; {len(benchmark.chunks)} chunks, dense search exact and in memory",
        ),
    )


class Baselines:
    """What an afternoon gives: bm25s with its English defaults, MiniLM, and both by rank."""

    def __init__(self, context: Context, benchmark: Benchmark, embedder: Embedder) -> None:
        import bm25s
        import Stemmer

        self._embedder = embedder
        self._items = benchmark.papers or {"": list(benchmark.texts)}
        stemmer = Stemmer.Stemmer("english")

        def tokenize(texts: list[str], ids: bool) -> Any:
            return bm25s.tokenize(
                texts, stopwords="en", stemmer=stemmer, return_ids=ids, show_progress=False
            )

        self._tokenize = tokenize
        self._bm25 = {}
        for paper, names in self._items.items():
            self._bm25[paper] = bm25s.BM25(k1=0.9, b=0.4)
            tokens = self._tokenize([benchmark.texts[name] for name in names], True)
            self._bm25[paper].index(tokens, show_progress=False)
        texts = list(benchmark.texts.values())
        vectors = embed_texts(context, benchmark.name, texts, embedder)
        self._rows = dict(zip(benchmark.texts, vectors, strict=True))

    def words(self, query: Query, depth: int = K) -> list[str]:
        """BM25 alone."""
        import numpy as np

        paper = query.paper or ""
        model = self._bm25[paper]
        [tokens] = self._tokenize([query.text], False)
        known = [token for token in tokens if token in model.vocab_dict]
        if not known:
            return []
        scores = model.get_scores(known)
        return [
            self._items[paper][i]
            for i in np.argsort(-scores, kind="stable")[:depth]
            if scores[i] > 0
        ]

    def dense(self, query: Query, depth: int = K) -> list[str]:
        """Cosine similarity of the whole texts alone."""
        import numpy as np

        names = self._items[query.paper or ""]
        vector = self._embedder.embed([query.text])[0]
        scores = np.stack([self._rows[name] for name in names]) @ vector
        return [names[i] for i in np.argsort(-scores, kind="stable")[:depth]]

    def rrf(self, query: Query) -> list[str]:
        """Both, fused by reciprocal ranks."""
        fused: dict[str, float] = {}
        for ranked in (self.words(query, RRF_DEPTH), self.dense(query, RRF_DEPTH)):
            for rank, name in enumerate(ranked, start=1):
                fused[name] = fused.get(name, 0.0) + 1 / (RRF_K + rank)
        return sorted(fused, key=lambda name: -fused[name])


def _mean(benchmark: Benchmark, search: Callable[[Query], list[str]]) -> tuple[float, float]:
    found = [(search(query), query.relevant) for query in benchmark.queries]
    return fmean(ndcg(*pair) for pair in found), fmean(recall(*pair) for pair in found)


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip())
