"""Trials: a lab's solution, starter and mutants against its hidden tests.

Only the corpus' own code runs here; learners' code runs in the sandbox. One process for each lab
imports the packages once and forks for each candidate: `python -m corpus.trials LAB`.
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
from concurrent.futures import ThreadPoolExecutor
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
    """Try all candidates of the given labs, several labs at a time.

    Raises:
        CorpusError: A lab's trials could not be run.
    """
    # Labs with large packages take longest: they go first.
    order = sorted(labs, key=lambda lab: "torch" not in lab.packages)
    with ThreadPoolExecutor(jobs) as pool:
        return [trial for trials in pool.map(try_lab, order) for trial in trials]


def try_lab(lab: Lab) -> list[Trial]:
    """Try all candidates of one lab in a process of its own.

    Raises:
        CorpusError: The trials could not be run.
    """
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [sys.executable, "-m", "corpus.trials", str(lab.folder)],
            capture_output=True, text=True, cwd=folder,
            env={**os.environ, **threads, "PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
    try:
        return [Trial(**entry) for entry in json.loads(result.stdout)]
    except ValueError as error:
        raise CorpusError(f"lab {lab.id}: {result.stderr[-500:]}") from error


def candidates(lab: Lab) -> dict[str, str]:
    """The sources to try, by name."""
    mutants = {f"mutant {name}": source for name, source in lab.mutants.items()}
    return {"solution": lab.solution, "starter": lab.starter, **mutants}


def try_candidate(lab: Lab, name: str, source: str) -> Trial:
    """Run the tests on one candidate in a forked process, up to the first failure."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(LONGEST_S)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            failed, message = first_failure(lab, source)
            os.write(writer, json.dumps([failed, message[:500]]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    failed, message = json.loads(said) if said else ("a test", "the process ended or hung")
    return Trial(lab.id, name, failed, message)


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
        return name, f"{type(error).__name__}: {error}"
    return None, ""


def main() -> None:
    """Try all candidates of the lab in the given folder; print the trials as JSON."""
    lab = read_lab(Path(sys.argv[1]))
    for package in lab.packages:
        importlib.import_module(package)
    if "optim" in lab.tests + lab.solution:
        # The first optimizer imports this: once for all candidates.
        importlib.import_module("torch._dynamo")
    trials = [try_candidate(lab, name, source) for name, source in candidates(lab).items()]
    print(json.dumps([asdict(trial) for trial in trials]))


if __name__ == "__main__":
    main()
