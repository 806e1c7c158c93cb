"""How search grows: time, memory and building time at 1,000 to 200,000 chunks, beside BM25 alone.

The chunks are made up from words of the corpus with its frequencies, their vectors near those of
real chunks: embedding 200,000 texts would take hours and change no time of a query. Everything
else is real: Chroma on disk, the token store, the embedding of the query. One index grows from size
to size. `python -m eval.growth` draws the rows of the report.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from eval.report import Context, Metric, TaskResult, read_lines
from tutor.index import Index
from tutor.ingest.document import Chunk, Document
from tutor.retrieve import STOP_WORDS, Retriever, embedding_text
from tutor.tokens import TokenStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)
SIZES = (1_000, 10_000, 100_000, 200_000)
QUICK = (1_000,)
WARM = 5  # searches before those that count
PER_DOCUMENT = 500  # a book; Chroma takes twice as long over documents of 50
SEEDS = 200  # real chunks that the made-up ones are near to
NEEDED_GB = {200_000: 6.0, 100_000: 3.0}  # less is enough for fewer
LIMITS_MS = {1_000: 60, 10_000: 60, 100_000: 150, 200_000: 150}


@dataclass(frozen=True)
class Growth:
    """What an index of one size costs.

    Attributes:
        p95_ms: Of a search, embedding of the query included; `median_ms` alike.
        cpu_p95_ms: The same in time of the processor, which other work on the machine moves less.
        words_p95_ms: Of BM25 alone.
        filled_s: Filling Chroma and the token store from nothing; `filled_cpu_s` of the processor.
        built_s: Making the retriever, at every start of Tutor.
        memory_mb: What the process takes more than before the first chunk.
        load: Mean number of processes that wanted a core in the minute before: beside other work
            the clock says little.
    """

    chunks: int
    p95_ms: float
    median_ms: float
    cpu_p95_ms: float
    words_p95_ms: float
    filled_s: float
    filled_cpu_s: float
    built_s: float
    memory_mb: float
    disk_mb: float
    load: float


def run(context: Context) -> TaskResult:
    """p95 of a search by size, with memory and building time in the note."""
    sizes, skipped = _fitting(QUICK if context.quick else SIZES)
    rows = [_described(growth) for growth in _grown(context, sizes)]
    return TaskResult(
        "scale", tuple(metric for metric, _ in rows), skipped, [row for _, row in rows]
    )


def _fitting(sizes: Sequence[int]) -> tuple[list[int], str]:
    """The sizes for which there is memory, and why the others are left out."""
    free = psutil.virtual_memory().available / 2**30
    kept = [size for size in sizes if free >= NEEDED_GB.get(size, 1.0)]
    return kept, "; ".join(
        f"{size:,} chunks: {free:.1f} GB free, {NEEDED_GB[size]} needed"
        for size in sizes
        if size not in kept
    )


def _grown(context: Context, sizes: Sequence[int]) -> Iterator[Growth]:
    """Fill one index, and measure it at each of the sizes."""
    embedder = context.tutor.embedder()
    real = context.tutor.library.retriever().chunks
    real = random.Random(0).sample(real, min(SEEDS, len(real)))
    vectors, tokens = embedder.embed_tokens([embedding_text(c) for c in real], STOP_WORDS)
    lines = [row for row in read_lines("questions.jsonl") if row["split"] == "test"]
    queries = [row["question"] for row in lines][:100]
    with tempfile.TemporaryDirectory() as folder:
        settings = context.tutor.settings.model_copy(
            update={"home": Path(folder), "chroma_url": ""}
        )
        index, store = Index(settings, "scale"), TokenStore(settings, "scale")
        before = psutil.Process().memory_info().rss
        chunks: list[Chunk] = []
        filled = filled_cpu = 0.0
        for size in sizes:
            started, spent = time.perf_counter(), time.process_time()
            for document, part, near, late in _documents(len(chunks), size, real, vectors, tokens):
                store.add(document.doc_id, [chunk.id for chunk in part], late)
                index.add(document, part, near, "scale")
                chunks += part
            filled += time.perf_counter() - started
            filled_cpu += time.process_time() - spent
            started = time.perf_counter()
            retriever = Retriever(chunks, index, embedder, store)
            built = time.perf_counter() - started
            times, cpu = _times(retriever, queries)
            memory = (psutil.Process().memory_info().rss - before) / 2**20
            del retriever
            words, _ = _times(Retriever(chunks), queries)
            disk = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 2**20
            growth = Growth(
                size, _p95(times), median(times), _p95(cpu), _p95(words), filled, filled_cpu,
                built, memory, disk, os.getloadavg()[0],
            )  # fmt: skip
            logger.warning("%s", growth)  # the next size may take an hour, or be stopped
            yield growth
        store.close()


def _described(row: Growth) -> tuple[Metric, dict[str, float]]:
    note = (
        f"p95, wanted {LIMITS_MS[row.chunks]}; median {row.median_ms:.0f} ms, p95 of the processor"
        f" {row.cpu_p95_ms:.0f} ms; filling Chroma and tokens {row.filled_s:.0f} s"
        f" ({row.filled_cpu_s:.0f} s of the processor), retriever {row.built_s:.1f} s;"
        f" memory {row.memory_mb:.0f} MB, disk {row.disk_mb:.0f} MB; load {row.load:.1f}"
    )
    name = f"time of a search among {row.chunks:,} chunks"
    return Metric(name, row.p95_ms, " ms", row.words_p95_ms, "BM25 alone", note=note), asdict(row)


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]


def _times(retriever: Retriever, queries: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of each search: by the clock, and of the processor."""
    for query in queries[:WARM]:
        retriever.search(query)
    times, cpu = [], []
    for query in queries:
        spent = time.process_time()
        times.append(retriever.search(query).timings_ms["total"])
        cpu.append((time.process_time() - spent) * 1e3)
    return times, cpu


def _documents(
    first: int,
    size: int,
    real: Sequence[Chunk],
    vectors: NDArray[np.float32],
    tokens: Sequence[NDArray[np.float32]],
) -> Iterator[tuple[Document, list[Chunk], NDArray[np.float32], list[NDArray[np.float32]]]]:
    """Made-up documents with their chunks, vectors and token vectors: from chunk `first` on."""
    import numpy as np

    drawn = np.random.default_rng(first)
    words = [word for chunk in real for word in chunk.text.split()]
    for start in range(first, size, PER_DOCUMENT):
        count = min(PER_DOCUMENT, size - start)
        seeds = drawn.integers(len(real), size=count)
        near = vectors[seeds] + drawn.normal(0, 0.04, (count, vectors.shape[1]))
        near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
        chunks = [
            Chunk(
                id=f"s{start + n}", doc_id=f"file:{start}", kind="paper", title=f"Document {start}",
                section="Body", page=1 + n // 3, ordinal=n,
                text=" ".join(words[i] for i in drawn.integers(len(words), size=100)),
            )
            for n in range(count)
        ]  # fmt: skip
        document = Document(
            doc_id=f"file:{start}", kind="paper", title=f"Document {start}", authors=(), year=None,
            arxiv_id=None, abstract="", sections=(), references=(), page_texts=(), sha256="",
        )  # fmt: skip
        yield document, chunks, near, [tokens[i] for i in seeds]
