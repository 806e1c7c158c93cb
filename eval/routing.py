"""Does the router understand what a message asks for?"""

from __future__ import annotations

from statistics import median
from time import perf_counter

from eval.report import Context, Metric, TaskResult, read_lines
from tutor.router import RouteContext, Router


def run(context: Context) -> TaskResult:
    """Accuracy on the test set, with embeddings and by words alone."""
    lines = list(read_lines("router_test.jsonl"))
    routers = {"words": Router(None)}
    if context.tutor.embedder_if_loaded is not None:
        routers["embeddings"] = Router(context.tutor.embedder_if_loaded)
    accuracy, details, times = {}, [], []
    for name, router in routers.items():
        right = 0
        for line in lines:
            started = perf_counter()
            routed = router.route(line["text"], RouteContext(**line.get("context", {})))
            times.append((perf_counter() - started) * 1e3)
            right += routed.intent == line["intent"]
            if routed.intent != line["intent"]:
                details.append({"router": name, **line, "routed": routed.intent})
        accuracy[name] = right / len(lines)
    best = accuracy.get("embeddings")
    return TaskResult(
        "routing",
        (
            Metric(
                "intents recognised",
                best,
                "",
                accuracy["words"],
                "words alone",
                note=f"{len(lines)} messages",
            ),
            Metric("time of a message", median(times), " ms", note="median"),
        ),
        details=details,
    )
