"""Code exercises: labs as questions, and their grading by hidden tests in the sandbox."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.labs import Lab, load_labs
from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.bank import lesson_citation, topics_of
from tutor.exercises.fairness import unfair_means
from tutor.exercises.question import Grade, Question, Verdict, suggest
from tutor.exercises.sandbox import PYTHON, run
from tutor.exercises.walls import WORK, Limits

MAX_CHARS = 100_000  # of a submission
SHOWN_CHARS = 4000  # of what it prints
LIMITS = Limits()
TORCH_LIMITS = Limits(wall_s=60.0, cpu_s=40, address_mb=16 * 1024)
_RUNNER = Path(__file__).with_name("lab_runner.py")
_STOPPED = {
    "time": "It was stopped when its time was up.",
    "cpu": "It was stopped because it took too much computing time.",
    "memory": "It was stopped because it took too much memory.",
    "processes": "It was stopped because it started too many processes.",
    "output": "It was stopped because it printed too much.",
}


@dataclass(frozen=True)
class TestResult:
    """One hidden test: its name in words, and what it has to object."""

    __test__ = False  # pytest takes the name for a test class

    name: str
    passed: bool
    message: str = ""


@dataclass(frozen=True)
class CodeGrade:
    """A graded submission.

    Attributes:
        stdout: What the code printed, cut to what a page can show.
        stopped: Which limit ended the run, as a sentence; empty if none did.
    """

    grade: Grade
    tests: tuple[TestResult, ...]
    stdout: str = ""
    stopped: str = ""


def lab_of(lab_id: str) -> Lab:
    """The lab of that id.

    Raises:
        NotFoundError: There is none; the cure names the nearest id.
    """
    labs = load_labs()
    if lab_id not in labs:
        raise NotFoundError(f"There is no lab '{lab_id[:80]}'.", suggest(lab_id, [*labs], "lab:%s"))
    return labs[lab_id]


def lab_question(lab_id: str) -> Question:
    """A lab as a question: the task, and the code to begin with.

    Raises:
        NotFoundError: There is no such lab.
    """
    lab = lab_of(lab_id)
    starter = f"## Starter\n\n```python\n{lab.starter.strip()}\n```"
    return Question(
        id=f"lab:{lab.id}",
        kind="code",
        stage=load_roadmap().stage_of(lab.topic),
        topic=lab.topic,
        difficulty=lab.difficulty,
        prompt=f"{lab.task.strip()}\n\n{starter}",
        source="bank",
        citation=lesson_citation(lab.topic),
    )


def lab_questions(
    *, stage: int | None = None, topic: str | None = None, paper: str | None = None
) -> list[Question]:
    """All labs that pass the given filters, in roadmap order.

    Raises:
        NotFoundError: There is no such stage, topic or paper.
    """
    topics = topics_of(stage=stage, topic=topic, paper=paper)
    return [lab_question(lab.id) for lab in load_labs().values() if lab.topic in topics]


def grade_code(lab: Lab, source: str) -> CodeGrade:
    """Run a submission against the lab's hidden tests; the score is the share that it passes.

    Args:
        source: The learner's module, as text.

    Raises:
        SandboxError: The code can't be isolated here; it was not run.
        InputError: The submission is too long.
    """
    if len(source) > MAX_CHARS:
        raise InputError(
            f"The code has {len(source)} characters.", f"A lab takes up to {MAX_CHARS}."
        )
    problem = unfair_means(source, lab.packages)
    if problem:
        return _graded(lab, [], problem)
    return run_tests(lab, source)


def run_tests(lab: Lab, source: str) -> CodeGrade:
    """Run the hidden tests on code whose means have been looked at already."""
    limits = TORCH_LIMITS if "torch" in lab.packages else LIMITS
    job = {
        "tests": lab.tests,
        "code": source,
        "packages": lab.packages,
        # The runner ends first, so that it can still say which test was under way.
        "deadline": time.monotonic() + limits.wall_s * 0.85,
    }
    result = run(
        {"runner.py": _RUNNER.read_bytes()},
        [*PYTHON, "-u", f"{WORK}/runner.py"],
        limits,
        stdin=json.dumps(job).encode(),
        report=True,
    )
    entries = [json.loads(line) for line in result.report.split(b"\n")[:-1]]
    stopped = _STOPPED.get(result.killed_by or "", "")
    if not entries:
        return _graded(lab, [], stopped or "The tests could not be started.")
    names: list[str] = entries[0]["tests"]
    told = {entry["name"]: entry for entry in entries[1:]}
    missing = stopped or "Not reached: the tests before it took all the time."
    tests = [_result(name, told.get(name), missing) for name in names]
    return _graded(lab, tests, stopped, _shown(result.stdout))


def _result(name: str, entry: dict[str, Any] | None, missing: str) -> TestResult:
    title = name.removeprefix("test_").replace("_", " ")
    if entry is None:
        return TestResult(title, False, missing)
    return TestResult(title, entry["passed"], "" if entry["passed"] else entry["message"])


def _shown(output: bytes) -> str:
    text = output[: 8 * SHOWN_CHARS].decode("utf-8", "replace")
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}\n… (cut here)"


def _graded(lab: Lab, tests: list[TestResult], stopped: str, stdout: str = "") -> CodeGrade:
    passed = tuple(test.name for test in tests if test.passed)
    failed = [test for test in tests if not test.passed]
    score = len(passed) / len(tests) if tests else 0.0
    verdict: Verdict = "partial" if passed else "incorrect"
    if tests and not failed:
        verdict = "correct"
    parts = [f"{len(passed)} of {len(tests)} tests pass." if tests else "No test was run."]
    if stopped:
        parts.append(stopped)
    # One message often explains many tests: say it once.
    messages = dict.fromkeys(test.message for test in failed)
    parts += [message for message in messages if message != stopped]
    grade = Grade(
        id=f"lab:{lab.id}",
        score=round(score, 3),
        verdict=verdict,
        confidence=1.0,
        feedback="\n\n".join(parts),
        matched=passed,
        missing=tuple(test.name for test in failed),
        graded_by=("hidden tests",),
    )
    return CodeGrade(grade, tuple(tests), stdout, stopped)
