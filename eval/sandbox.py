"""Does the sandbox hold? The escape suite as figures, and what isolation costs in time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from corpus.labs import Lab, load_labs
from eval.escapes import ATTEMPT, FORGERIES, HELD, LIMITED, X86_ONLY, make_lab
from eval.report import Context, Metric, TaskResult
from tutor.errors import SandboxError
from tutor.exercises import sandbox
from tutor.exercises.code import grade_code, run_tests
from tutor.exercises.sandbox import PYTHON
from tutor.exercises.walls import Limits

SECRET = "canary-7c20b1"
RUNS = 3  # of each lab that is timed
LIMIT_S = 20.0  # a run that a limit should end has ended by then


def run(context: Context) -> TaskResult:
    """Attempts held, runs ended, forgeries refused, and the time to a lab's verdict."""
    try:
        sandbox.check_isolation()
    except SandboxError as error:
        return TaskResult("sandbox", (), f"no isolation here: {error}")
    details: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held = _escapes(folder, details)
        forged = _forgeries(make_lab(folder / "sums"), details)
    return TaskResult(
        "sandbox",
        (held, _limits(details), forged, *_times(1 if context.quick else RUNS)),
        details=details,
    )


def _escapes(folder: Path, details: list[dict[str, Any]]) -> Metric:
    """Attempts to read, write or reach what is outside; without a sandbox as the baseline."""
    secret = folder / "home" / "secret"
    secret.parent.mkdir()
    secret.write_text(SECRET)
    names = [name for name in HELD if name not in X86_ONLY or os.uname().machine == "x86_64"]
    held = 0
    for name in names:
        attempt = ATTEMPT.format(attempt=HELD[name].format(secret=str(secret)))
        result = sandbox.run({}, [*PYTHON, "-c", attempt])
        shown = (result.stdout + result.stderr).decode("utf-8", "replace")
        kept = shown.startswith("held:") and SECRET not in shown
        kept = kept and secret.read_text() == SECRET and len(list(secret.parent.iterdir())) == 1
        held += kept
        if not kept:
            details.append({"escape": name, "output": shown[-500:]})
    return Metric(
        "escape attempts held", held / len(names), must=1.0, note=f"{held} of {len(names)}"
    )


def _limits(details: list[dict[str, Any]]) -> Metric:
    """Runs without end, without measure or in a crash: all ended, and in time."""
    ended = 0
    for name, (source, limits, reasons) in LIMITED.items():
        result = sandbox.run({}, [*PYTHON, "-c", source], Limits(**limits))
        fine = result.killed_by in reasons and result.exit != 0 and result.seconds < LIMIT_S
        ended += fine
        if not fine:
            details.append({"limit": name, "by": result.killed_by, "seconds": result.seconds})
    note = f"{ended} of {len(LIMITED)}"
    return Metric("harmful runs ended by a limit", ended / len(LIMITED), must=1.0, note=note)


def _forgeries(lab: Lab, details: list[dict[str, Any]]) -> Metric:
    """Wrong code that claims to be right, past the first look at its means."""
    refused = 0
    for name, source in FORGERIES.items():
        score = run_tests(lab, source).grade.score
        refused += score == 0
        if score:
            details.append({"forgery": name, "score": score})
    note = f"{refused} of {len(FORGERIES)}"
    return Metric("forged grades refused", refused / len(FORGERIES), must=1.0, note=note)


def _times(runs: int) -> list[Metric]:
    """The time to the verdict on a right solution, beside the tests in a plain Python."""
    metrics = []
    for package in ("numpy", "torch"):
        lab = next(lab for lab in load_labs().values() if package in lab.packages)
        solution = lab.read("solution.py")
        boxed, plain = [], []
        for _ in range(runs):
            started = perf_counter()
            result = grade_code(lab, solution)
            boxed.append(perf_counter() - started)
            plain.append(_plain_seconds(lab, solution))
        metrics.append(
            Metric(
                f"time to the verdict of a {package} lab",
                median(boxed),
                " s",
                median(plain),
                "plain python",
                note=f"{lab.id}, score {result.grade.score:.0%}",
            )
        )
    return metrics


_PLAIN = """
import test_hidden
for name, test in list(vars(test_hidden).items()):
    if name.startswith("test_"):
        test()
"""


def _plain_seconds(lab: Lab, solution: str) -> float:
    """Our own solution and tests, so nothing needs to be kept from anybody."""
    with tempfile.TemporaryDirectory() as name:
        Path(name, "submission.py").write_text(solution, "utf-8")
        Path(name, "test_hidden.py").write_text(lab.tests, "utf-8")
        started = perf_counter()
        subprocess.run([sys.executable, "-c", _PLAIN], cwd=name, check=True, capture_output=True)
        return perf_counter() - started
