"""Trials: a lab's solution, starter and mutants against its hidden tests.

Only the corpus' own code runs here; learners' code runs in the sandbox. One process imports the
packages once and forks for each candidate: `python -m corpus.trials JOBS LAB…`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from corpus.labs import Lab, read_lab
from corpus.loading import CorpusError

LONGEST_S = 120  # of one candidate


@dataclass(frozen=True)
class Trial:
    """One candidate: "solution", "starter" or "mutant <name>".

    Attributes:
        failed: The first test that it fails; None if it passes all.
        message: What that test says.
    """

    lab: str
    candidate: str
    failed: str | None
    message: str = ""


def try_labs(labs: Iterable[Lab], jobs: int = 2) -> list[Trial]:
    """Try all candidates of the given labs, `jobs` at a time, in a process of its own.

    Raises:
        CorpusError: The trials could not be run.
    """
    # Labs with large packages take longest: they go first.
    order = sorted(labs, key=lambda lab: "torch" not in lab.packages)
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [sys.executable, "-m", "corpus.trials", str(jobs), *(str(lab.folder) for lab in order)],
            capture_output=True, text=True, cwd=folder,
            env={**os.environ, **threads, "PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
    try:
        return [Trial(**entry) for entry in json.loads(result.stdout)]
    except ValueError as error:
        raise CorpusError(f"the labs could not be tried: {result.stderr[-500:]}") from error


def candidates(lab: Lab) -> dict[str, str]:
    """The sources to try, by name."""
    mutants = {f"mutant {name}": source for name, source in lab.mutants.items()}
    return {"solution": lab.solution, "starter": lab.starter, **mutants}


def start(lab: Lab, source: str) -> tuple[int, int]:
    """Run the tests in a forked process; its id, and the pipe on which it will tell the result."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(LONGEST_S)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            os.write(writer, json.dumps(first_failure(lab, source)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    return pid, reader


def try_all(labs: Iterable[Lab], jobs: int) -> list[Trial]:
    """Run all candidates, `jobs` beside each other."""
    queue = [(lab, name, code) for lab in labs for name, code in candidates(lab).items()]
    running: dict[int, tuple[str, str, int]] = {}
    trials = []
    while queue or running:
        while queue and len(running) < jobs:
            lab, name, source = queue.pop(0)
            pid, reader = start(lab, source)
            running[pid] = (lab.id, name, reader)
        lab_id, name, reader = running.pop(os.wait()[0])
        with open(reader, "rb") as pipe:
            said = pipe.read()
        failed, message = json.loads(said) if said else ("a test", "the process ended or hung")
        trials.append(Trial(lab_id, name, failed, message))
    return trials


def first_failure(lab: Lab, source: str) -> tuple[str | None, str]:
    """The first test that fails, with its message."""
    submission = types.ModuleType("submission")
    sys.modules["submission"] = submission
    tests: dict[str, Any] = {"__name__": "test_hidden"}
    name = "loading"
    try:
        exec(compile(source, "submission.py", "exec"), submission.__dict__)
        exec(compile(lab.tests, "test_hidden.py", "exec"), tests)
        for name, test in [*tests.items()]:
            if name.startswith("test") and callable(test):
                test()
    except BaseException as error:  # whatever it is, the test has failed
        return name, f"{type(error).__name__}: {error}"[:500]
    return None, ""


def main() -> None:
    """Try all candidates of the labs in the given folders; print the trials as JSON."""
    labs = [read_lab(Path(folder)) for folder in sys.argv[2:]]
    for package in sorted({package for lab in labs for package in lab.packages}):
        importlib.import_module(package)
    if "torch" in sys.modules:
        # The first optimizer imports this: once for all candidates.
        importlib.import_module("torch._dynamo")
    print(json.dumps([asdict(trial) for trial in try_all(labs, int(sys.argv[1]))]))


if __name__ == "__main__":
    main()
