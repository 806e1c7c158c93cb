"""How search grows: time, memory and building time at 1,000 to 200,000 chunks, beside BM25 alone.

The chunks are made up from words of the corpus with its frequencies, their vectors near those of
real chunks: embedding 200,000 texts would take hours and change no time of a query. Everything
else is real: Chroma on disk, the token store, the embedding of the query.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
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

SIZES = (1_000, 10_000, 100_000, 200_000)
QUICK = (1_000,)
WARM = 5  # searches before those that count
PER_DOCUMENT = 50
SEEDS = 200  # real chunks that the made-up ones are near to
NEEDED_GB = {200_000: 6.0, 100_000: 3.0}  # less is enough for fewer
LIMITS_MS = {1_000: 60, 10_000: 60, 100_000: 150, 200_000: 150}


def run(context: Context) -> TaskResult:
    """p95 of a search by size, with memory and building time in the note."""
    embedder = context.tutor.embedder()
    real = context.tutor.library.retriever().chunks
    real = random.Random(0).sample(real, min(SEEDS, len(real)))
    vectors, tokens = embedder.embed_tokens([embedding_text(c) for c in real], STOP_WORDS)
    rows = [row for row in read_lines("questions.jsonl") if row["split"] == "test"]
    queries = [row["question"] for row in rows][:100]
    metrics: list[Metric] = []
    skipped = []
    for size in QUICK if context.quick else SIZES:
        free = psutil.virtual_memory().available / 2**30
        if free < NEEDED_GB.get(size, 1.0):
            skipped.append(f"{size:,} chunks: {free:.1f} GB free, {NEEDED_GB[size]} needed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            settings = context.tutor.settings.model_copy(
                update={"home": Path(folder), "chroma_url": ""}
            )
            index, store = Index(settings, "scale"), TokenStore(settings, "scale")
            before = psutil.Process().memory_info().rss
            started = time.perf_counter()
            chunks = []
            for document, part, near, late in _documents(size, real, vectors, tokens):
                store.add(document.doc_id, [chunk.id for chunk in part], late)
                index.add(document, part, near, "scale")
                chunks += part
            filled = time.perf_counter()
            retriever = Retriever(chunks, index, embedder, store)
            built = time.perf_counter()
            spent = time.process_time()
            times = _times(retriever, queries)
            cpu = (time.process_time() - spent) * 1e3 / (len(queries) + WARM)
            words = _times(Retriever(chunks), queries)
            memory = (psutil.Process().memory_info().rss - before) / 2**20
            disk = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 2**20
            store.close()
        metrics.append(
            Metric(
                f"time of a search among {size:,} chunks", times[int(0.95 * len(times))], " ms",
                words[int(0.95 * len(words))], "BM25 alone",
                note=f"p95, wanted {LIMITS_MS[size]}; median {median(times):.0f} ms, {cpu:.0f} ms"
                f" of CPU; filling Chroma and tokens {filled - started:.0f} s, retriever"
                f" {built - filled:.1f} s; memory {memory:.0f} MB, disk {disk:.0f} MB",
            )
        )  # fmt: skip
    return TaskResult("scale", tuple(metrics), "; ".join(skipped))


def _times(retriever: Retriever, queries: Sequence[str]) -> list[float]:
    for query in queries[:WARM]:
        retriever.search(query)
    return sorted(retriever.search(query).timings_ms["total"] for query in queries)


def _documents(
    size: int,
    real: Sequence[Chunk],
    vectors: NDArray[np.float32],
    tokens: Sequence[NDArray[np.float32]],
) -> Iterator[tuple[Document, list[Chunk], NDArray[np.float32], list[NDArray[np.float32]]]]:
    """Made-up documents with their chunks, vectors and token vectors."""
    import numpy as np

    drawn = np.random.default_rng(0)
    words = [word for chunk in real for word in chunk.text.split()]
    for start in range(0, size, PER_DOCUMENT):
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
