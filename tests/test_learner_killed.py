"""A process that is killed while it records answers loses none that it has confirmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tutor.learner.store import Store

RECORDER = """
import sys
from tutor.exercises.bank import bank_questions
from tutor.exercises.question import Grade
from tutor.learner.store import Store

store = Store(sys.argv[1])
[question, *_] = bank_questions(topic="math-for-ml")
right = Grade(question.id, 1.0, "correct", 1.0, "Right.")
while True:
    number = store.record_attempt("ann", question, "A" * 2000, right)
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7])
def test_confirmed_answers_survive_kill_9(tmp_path: Path, after: int) -> None:
    url = f"sqlite:///{tmp_path}/tutor.db"
    with subprocess.Popen(
        [sys.executable, "-c", RECORDER, url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)  # in the middle of one of the next
        confirmed += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    assert process.returncode == -signal.SIGKILL
    store = Store(url)
    try:
        kept = store.attempts("ann")
        # One more may have been written whose confirmation was cut off; none is half there.
        assert [row["id"] for row in kept][: len(confirmed)] == confirmed
        assert len(kept) - len(confirmed) in {0, 1}
        assert {(row["answer"], row["score"]) for row in kept} == {("A" * 2000, 1.0)}
        assert store.mastery("ann")["math-for-ml"] is not None
    finally:
        store.close()
