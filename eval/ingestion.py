"""Pages a second of ingestion, beside bare pypdf text plus bare embedding of the same files."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from eval.report import Context, Metric, TaskResult
from tutor.app import Tutor
from tutor.ingest.chunk import chunk_document
from tutor.ingest.worker import parse

SAMPLE = 2
CHARACTERS = 700  # of a chunk in the bare pipeline


def run(context: Context) -> TaskResult:
    """Both in turn on the same files."""
    embedder = context.tutor.embedder_if_loaded
    if context.shared is None or embedder is None:
        return TaskResult("ingestion", (), skipped="needs TUTOR_SHARED and the embedding model")
    files = sorted((context.shared / "papers").glob("*.pdf"))[:: 12 if context.quick else 6]
    files = files[:SAMPLE] if context.quick else files
    with tempfile.TemporaryDirectory() as folder:
        settings = context.tutor.settings.model_copy(update={"home": Path(folder)})
        tutor = Tutor(settings, use_model=False)
        tutor._embedder = embedder
        started = time.perf_counter()
        results = list(tutor.library.ingest(files))
        ours = time.perf_counter() - started
    started = time.perf_counter()
    for path in files:
        text = _bare_text(path)
        embedder.embed([text[i : i + CHARACTERS] for i in range(0, len(text), CHARACTERS)])
    bare = time.perf_counter() - started
    parsing = time.perf_counter()
    chunks = sum(len(chunk_document(parse(path))) for path in files)
    parsing = time.perf_counter() - parsing
    pages = sum(r.pages for r in results)
    return TaskResult(
        "ingestion",
        (
            Metric(
                "pages ingested a second",
                pages / ours,
                "/s",
                pages / bare,
                "bare pypdf + embedding",
                note=f"{len(files)} papers, {pages} pages, {chunks} passages",
            ),
            Metric("share of the time spent on parsing", parsing / ours),
        ),
    )


def _bare_text(path: Path) -> str:
    import pypdf

    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
