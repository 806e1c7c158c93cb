"""Draw how search grows: `python -m eval.growth [runs/eval/report.json] [docs/scale.png]`.

The report is one of `python -m eval.run scale`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.scale import LIMITS_MS


def main() -> int:
    """Read the report named on the command line, write the picture; 1 if it holds no rows."""
    given = [Path(argument) for argument in sys.argv[1:]]
    report, picture = given + [Path("runs/eval/report.json"), Path("docs/scale.png")][len(given) :]
    try:
        tasks = json.loads(report.read_text("utf-8"))["tasks"]
    except (OSError, ValueError, KeyError) as error:
        print(f"Error: {report} is no report: {error}.", file=sys.stderr)
        return 1
    rows = [row for task in tasks if task["task"] == "scale" for row in task["details"]]
    if not rows:
        print(f"Error: {report} has no rows. Run: python -m eval.run scale", file=sys.stderr)
        return 1
    draw(rows, picture)
    print(picture)
    return 0


def draw(rows: Sequence[dict[str, Any]], picture: Path) -> None:
    """Time of a search, and time, memory and disk of an index, over the number of chunks.

    Args:
        rows: `eval.scale.Growth` as dicts.
        picture: A PNG to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = [row["chunks"] for row in rows]
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.2))
    panels = (
        ("Search, ms", (("p95_ms", "p95"), ("cpu_p95_ms", "p95 of the processor"),
                        ("median_ms", "median"), ("words_p95_ms", "BM25 alone, p95"))),
        ("Building, s", (("filled_s", "filling"), ("filled_cpu_s", "filling, processor"),
                         ("built_s", "retriever, at every start"))),
        ("Room, MB", (("disk_mb", "disk"), ("memory_mb", "memory"))),
    )  # fmt: skip
    for axis, (title, lines) in zip(axes, panels, strict=True):
        for field, label in lines:
            axis.plot(sizes, [row[field] for row in rows], marker="o", markersize=3, label=label)
        axis.set(title=title, xscale="log", xlabel="chunks", ylim=(0, None))
        axis.legend(fontsize=7)
    limits = [LIMITS_MS[size] for size in sizes]
    axes[0].plot(sizes, limits, color="gray", linestyle="--", linewidth=1, label="wanted")
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(picture, dpi=80)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
