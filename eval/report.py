"""What a task measures, and the report of a run as JSON and Markdown."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tutor import __version__
from tutor.app import Tutor

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Context:
    """What a task may use.

    Attributes:
        quick: Take a sample only.
        shared: Folder with real papers and data, or None.
    """

    tutor: Tutor
    quick: bool
    shared: Path | None


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        baseline: The same figure of the simplest thing that could work, from this run.
        must: A guarantee: the value that it has to have, or None.
        at_most: A guarantee: the largest value that it may have, or None.
    """

    name: str
    value: float | None
    unit: str = ""
    baseline: float | None = None
    baseline_name: str = ""
    must: float | None = None
    note: str = ""
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether its guarantees hold; a figure that could not be measured proves none."""
        if self.value is None:
            return self.must is None and self.at_most is None
        if self.must is not None and self.value != self.must:
            return False
        return self.at_most is None or self.value <= self.at_most


@dataclass(frozen=True)
class TaskResult:
    """The figures of one task, and what is needed to look into them."""

    task: str
    metrics: tuple[Metric, ...]
    skipped: str = ""
    details: list[dict[str, Any]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every guarantee holds."""
        return all(metric.holds for metric in self.metrics)


def read_lines(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file in eval/data."""
    for line in (DATA / name).read_text("utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def write_report(results: list[TaskResult], context: Context, folder: Path) -> Path:
    """Write report.json and report.md into `folder`; returns the Markdown's path."""
    folder.mkdir(parents=True, exist_ok=True)
    model = context.tutor.llm()
    about = {
        "version": __version__,
        "commit": _commit(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": model.name if model else None,
        "embeddings": context.tutor.embedder_if_loaded is not None,
        "quick": context.quick,
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "data": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            for path in sorted(DATA.glob("*.jsonl"))
        },
    }
    data = {"about": about, "tasks": [asdict(result) for result in results]}
    (folder / "report.json").write_text(json.dumps(data, indent=1), "utf-8")
    path = folder / "report.md"
    path.write_text(_markdown(results, about), "utf-8")
    return path


def _markdown(results: list[TaskResult], about: dict[str, Any]) -> str:
    lines = [
        f"Commit {about['commit']}, model {about['model'] or 'none'}, {about['cores']} cores"
        f"{', quick' if about['quick'] else ''}, {about['when']}.",
        "",
        "| task | figure | value | baseline | |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        for m in result.metrics:
            value = "–" if m.value is None else f"{_number(m.value)}{m.unit}"
            base = (
                "" if m.baseline is None else f"{_number(m.baseline)}{m.unit} ({m.baseline_name})"
            )
            must = "" if m.must is None else f"must be {_number(m.must)}{m.unit}"
            limit = "" if m.at_most is None else f"at most {_number(m.at_most)}{m.unit}"
            broken = "" if m.holds else "**does not hold**"
            note = "; ".join(part for part in (broken, must, limit, m.note) if part)
            lines.append(f"| {result.task} | {m.name} | {value} | {base} | {note} |")
        if result.skipped:
            lines.append(f"| {result.task} | *left out* | | | {result.skipped} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.3g}"


def _commit() -> str:
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
