"""Measure Tutor and write one report: `python -m eval.run [TASK…] [--quick] [--out DIR]`.

Tasks: content, exercises, grading, mastery, sandbox, retrieval, routing, answers, support,
summaries, tldr, ingestion, scale, speed, training. The report names commit, model and data hashes;
every figure that can have a baseline has it beside it, measured in the same run. Real papers and
data are read from the folder that TUTOR_SHARED names; without it the report says what was left out.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from pathlib import Path

from eval.report import Context, TaskResult, write_report
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.settings import load_settings

TASKS = (
    "content",
    "exercises",
    "grading",
    "mastery",
    "sandbox",
    "retrieval",
    "routing",
    "answers",
    "support",
    "summaries",
    "tldr",
    "ingestion",
    "scale",
    "speed",
    "training",
)


def main() -> int:
    """Run the tasks named on the command line, or all; 1 if a guarantee does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"any of: {', '.join(TASKS)}")
    parser.add_argument("--quick", action="store_true", help="a sample of each task: some minutes")
    parser.add_argument("--no-model", action="store_true", help="without a language model")
    parser.add_argument("--out", type=Path, default=Path("runs/eval"), help="folder of the report")
    options = parser.parse_args()
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"unknown tasks: {', '.join(sorted(unknown))}")
    logging.basicConfig(level=logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    settings = load_settings()
    tutor = Tutor(settings, use_model=not options.no_model)
    results: list[TaskResult] = []
    try:
        tutor.embeddings_or_none()
        tutor.library.prepare()
        if not options.no_model:
            tutor.connect()
        context = Context(tutor, options.quick, settings.shared)
        for name in options.tasks or TASKS:
            print(f"[eval] {name} …", file=sys.stderr, flush=True)
            task = importlib.import_module(f"eval.{name}")
            results.append(task.run(context))
        written = write_report(results, context, options.out)
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    finally:
        tutor.close()
    print(written.read_text("utf-8"))
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
