"""Runs a lab's hidden tests. This file is run inside the sandbox; nothing imports it.

Two processes share the work. The referee reads the job, never runs the learner's code, and alone
holds the pipe that leads out. The player runs code and tests, and tells the referee by a pipe of
its own, each line with a secret of this run. A player that ends, hangs, or says anything that the
referee does not expect fails the test that was under way; the next player goes on behind it. The
player also notices when functions that the tests stand on have been replaced.

Job on standard input: {"tests", "code", "packages", "deadline"}. Reports on file descriptor 3, one
JSON object a line: {"tests": [name]}, then {"name", "passed", "message"} for each.
"""

from __future__ import annotations

import ast
import ctypes
import importlib
import json
import linecache
import os
import secrets
import select
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

REPORT_FD = 3
LONGEST = 2000  # characters of a message
CODE_NAME, TESTS_NAME = "submission.py", "test_hidden.py"
PRISTINE = ("builtins", "math", "random", "json", "os", "copy", "itertools", "functools", "re",
            "numpy", "numpy.linalg", "numpy.random", "numpy.testing", "torch", "torch.autograd",
            "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.optim",
            "torch.testing")  # fmt: skip
PRISTINE_CLASSES = (("torch", "Tensor"), ("torch.nn", "Module"), ("torch.optim", "Optimizer"))
Snapshot = list[tuple[Mapping[str, Any], str, str, Any]]


def referee(job: dict[str, Any]) -> None:
    """Have all tests played, and report each."""
    # Nothing of the referee can then be traced or opened through /proc, not even by its children.
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    for name in job["packages"]:
        importlib.import_module(name)
    if "torch" in job["packages"]:
        sys.modules["torch"].set_num_threads(1)
        # The first optimizer imports this, which replaces functions of torch: better now than then.
        if "optim" in job["tests"] + job["code"]:
            importlib.import_module("torch._dynamo")
    names = test_names(job["tests"])
    report({"tests": names})
    deadline = float(job["deadline"])  # by the monotonic clock, which all processes share
    while names:
        played = 0
        for name, passed, message in played_by_one(job, names, deadline):
            report({"name": name, "passed": passed, "message": message})
            played += 1
        if not played or time.monotonic() > deadline:
            return
        names = names[played:]


def report(entry: dict[str, Any]) -> None:
    """Tell the caller outside."""
    os.write(REPORT_FD, json.dumps(entry).encode() + b"\n")


def test_names(source: str) -> list[str]:
    """The tests in the order in which they stand."""
    found = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return [node.name for node in found if node.name.startswith("test")]


def played_by_one(
    job: dict[str, Any], names: list[str], deadline: float
) -> Iterator[tuple[str, bool, str]]:
    """Results of one player: it plays until it has done, or ended, or been caught."""
    secret = secrets.token_hex(16)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(REPORT_FD)
        os.close(reader)
        os.setsid()
        play(job, names, secret, writer)
    os.close(writer)
    lines = spoken(reader, deadline)
    try:
        for name in names:
            said = next(lines, None)
            if said is None:
                yield name, False, ending(pid, time.monotonic() > deadline)
                return
            entry = understood(said, secret)
            if entry is None or entry.get("name") != name:
                yield name, False, "The code interfered with the tests, so this one doesn't count."
                return
            yield name, entry.get("passed") is True, str(entry.get("message"))[:LONGEST]
    finally:
        os.close(reader)
        for target in (-pid, pid):
            try:
                os.kill(target, signal.SIGKILL)
            except OSError:
                continue
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass


def understood(said: bytes, secret: str) -> dict[str, Any] | None:
    """The entry of a line, if it is the player's."""
    try:
        entry = json.loads(said)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("secret") == secret else None


def spoken(reader: int, deadline: float) -> Iterator[bytes]:
    """Lines from a pipe until its end or the deadline."""
    held = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return
        data = os.read(reader, 65536)
        held += data
        *lines, held = held.split(b"\n")
        yield from lines
        if not data or len(held) > 10 * LONGEST:
            return


def ending(pid: int, late: bool) -> str:
    """Why a player fell silent."""
    if late:
        return "The time was up during this test: look for a loop that does not end."
    done, status = os.waitpid(pid, os.WNOHANG)
    for _ in range(20):
        if done:
            break
        time.sleep(0.05)
        done, status = os.waitpid(pid, os.WNOHANG)
    code = os.waitstatus_to_exitcode(status) if done else 0
    if code == -signal.SIGXCPU:
        return "This test took too much computing time: look for a loop that does not end."
    if code < 0:
        return f"The process was ended by {signal.Signals(-code).name} during this test."
    return "The code ended the process during this test."


def play(job: dict[str, Any], names: list[str], secret: str, writer: int) -> None:
    """Load the code, run the tests, say how each went; never returns."""
    # Bound before the learner's code runs, so that it finds nothing to replace.
    write, end, dumps = os.write, os._exit, json.JSONEncoder().encode
    told = explained

    def say(name: str, message: str | None) -> None:
        passed = message is None
        entry = {"secret": secret, "name": name, "passed": passed, "message": message or ""}
        write(writer, dumps(entry).encode() + b"\n")

    try:
        stdin = os.open(os.devnull, os.O_RDONLY)
        os.dup2(stdin, 0)
        before = snapshot()
        tests: dict[str, Any] = {"__name__": "test_hidden", "__file__": TESTS_NAME}
        failure: str | None = None
        try:
            load(job["code"], "submission", CODE_NAME)
        except BaseException as error:  # whatever it raises is the finding
            failure = f"The code can't be loaded. {told(error)}"
        if failure is None:
            try:
                exec(compile(job["tests"], TESTS_NAME, "exec"), tests)
            except BaseException as error:  # such as a function that is imported and missing
                failure = told(error)
        before += [(tests, "the tests", key, value) for key, value in tests.items()]
        for name in names:
            message = failure if failure is not None else attempt(tests[name], told)
            changed = replaced(before)
            if changed and (message is None or failure is None):
                message = f"The code replaced {changed}, on which the tests rely."
            say(name, message)
    finally:
        end(0)


def attempt(test: Callable[[], None], told: Callable[[BaseException], str]) -> str | None:
    """What a test has to object, or None."""
    try:
        test()
    except BaseException as error:  # sys.exit and the like fail the test, too
        return told(error)
    return None


def load(source: str, name: str, file: str) -> None:
    """Run source text as the module `name`."""
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(compile(source, file, "exec"), module.__dict__)


def snapshot() -> Snapshot:
    """Functions and classes that the tests stand on, as they are now."""
    spaces: list[tuple[Mapping[str, Any], str]] = []
    for name in PRISTINE:
        module = sys.modules.get(name)
        if module is not None:
            spaces.append((vars(module), name))
    for name, kind in PRISTINE_CLASSES:
        if name in sys.modules:
            spaces.append((vars(getattr(sys.modules[name], kind)), f"{name}.{kind}"))
    return [
        (space, owner, key, value)
        for space, owner in spaces
        for key, value in list(space.items())
        if callable(value)
    ]


def replaced(before: Snapshot) -> str | None:
    """The first thing of the snapshot that is no longer what it was. Calls nothing replaceable."""
    for space, owner, key, value in before:
        if space.get(key) is not value:
            return f"{owner}.{key}"
    return None


def explained(error: BaseException) -> str:
    """An exception as a learner needs it: a test's message, or the error and its line."""
    text = str(error)[:LONGEST]
    kind = type(error).__name__
    if isinstance(error, AssertionError) and text:
        return text
    if isinstance(error, NotImplementedError):
        return f"Not written yet: {text}" if text else "Not written yet."
    if isinstance(error, SystemExit):
        return "The code called exit."
    if isinstance(error, SyntaxError) and error.filename == CODE_NAME:
        return f"{kind} in line {error.lineno}: {error.msg}."
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == CODE_NAME:
            line = step.tb_lineno
        step = step.tb_next
    where = f" in line {line}" if line else ""
    return f"{kind}{where}: {text}" if text else f"{kind}{where}."


if __name__ == "__main__":
    referee(json.load(sys.stdin))
