"""Do summaries hold? Every quote must stand on the page that its bullet names."""

from __future__ import annotations

import time
from statistics import median

from eval.report import Context, Metric, TaskResult
from tutor.errors import TutorError
from tutor.ingest.quotes import quote_on_page
from tutor.ingest.worker import parse

SAMPLE = 4


def run(context: Context) -> TaskResult:
    """Summaries of the real papers below TUTOR_SHARED."""
    if context.shared is None:
        return TaskResult("summaries", (), skipped="TUTOR_SHARED names no folder with papers")
    files = sorted((context.shared / "papers").glob("*.pdf"))
    if context.quick:
        files = files[:: max(1, len(files) // SAMPLE)][:SAMPLE]
    points, standing, times, fields, failed = 0, 0, [], [], []
    for path in files:
        started = time.perf_counter()
        try:
            document = parse(path)
            summary = context.tutor.summarize(path, fresh=True)
        except TutorError as error:
            failed.append({"file": path.name, "error": str(error)})
            continue
        times.append(time.perf_counter() - started)
        groups = (summary.problem, summary.method, summary.results, summary.limitations)
        fields.append(sum(bool(group) for group in groups) / len(groups))
        for point in (p for group in groups for p in group):
            points += 1
            page = document.page_texts[point.page - 1] if point.page else ""
            standing += point.quote is not None and quote_on_page(point.quote, page)
    return TaskResult(
        "summaries",
        (
            Metric(
                "quotes that stand on their page",
                standing / points if points else None,
                must=1.0,
                note=f"{points} bullets of {len(times)} papers",
            ),
            Metric(
                "fields filled",
                sum(fields) / len(fields) if fields else None,
                note="problem, method, results, limitations",
            ),
            Metric("time of a summary", median(times) if times else None, " s", note="median"),
            Metric("papers that failed", float(len(failed)), must=0.0),
        ),
        details=failed,
    )
