"""Running code that nobody has read: bubblewrap, a system call filter, limits and a watchdog.

Inside there is no network, nothing of the home folder, and no file to write but a small private
/lab and /tmp; the system and this Python are there to read. A first run proves that the walls
stand; where they don't, nothing is run.

Under an ordinary account the sandbox is a user namespace. Root gets no such namespace, because in
it root would still own the files of /proc: there the code runs under an account that nobody has.
"""

from __future__ import annotations

import functools
import json
import os
import re
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tutor.errors import SandboxError
from tutor.exercises.seccomp import seccomp_program
from tutor.exercises.walls import (
    LAUNCHER,
    MB,
    WORK,
    Limits,
    bubblewrap,
    cure,
    filesystem,
    namespaces,
    passwd,
    resource_limits,
)

REPORT_FD = 3  # where a command that asked for it finds the pipe to its caller
PYTHON = (sys.executable, "-I", "-B")
_TICK_S = 0.05
_WATCH_S = 0.1
_ACCOUNTS = range(61184, 65520)  # set aside for accounts that live as long as one process
_STARTED = b"\x06"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}")

# What must fail inside. Prints the walls that it got through.
_PROBE = """
import os, socket, sys
def through(name, attempt):
    try:
        attempt()
    except (OSError, ImportError):
        return
    print(name)
through("the file system", lambda: open(sys.argv[1]).read())
through("the system's files", lambda: (open("/usr/.probe", "w"), os.unlink("/usr/.probe")))
through("the kernel's settings", lambda: open("/proc/sys/kernel/core_pattern", "r+"))
through("the network", lambda: socket.socket())
through("the accounts", lambda: os.setuid(0))
through("namespaces", lambda: os.unshare(0x10000000) if hasattr(os, "unshare") else os.chroot("/"))
if {name.strip().split(":")[0] for name in open("/proc/net/dev") if ":" in name} - {"lo"}:
    print("the network devices")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
held = any(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapAmb"))
if os.getuid() == 0 or held or int(status["NoNewPrivs"]) != 1 or int(status["Seccomp"]) != 2:
    print("the privileges")
if len([name for name in os.listdir("/proc") if name.isdigit()]) > 4:
    print("the processes")
print("done")
"""


@dataclass(frozen=True)
class SandboxResult:
    """How a run ended.

    Attributes:
        report: What the command wrote to file descriptor 3, if it was given one.
        exit: Exit code; 128 plus the signal where one ended it.
        killed_by: The limit that ended the run: time, cpu, memory, processes, output; or None.
    """

    stdout: bytes
    stderr: bytes
    report: bytes
    exit: int
    killed_by: str | None
    seconds: float

    @property
    def timed_out(self) -> bool:
        """Whether it was stopped because it took too long."""
        return self.killed_by in {"time", "cpu"}


def run(
    files: Mapping[str, bytes],
    command: Sequence[str],
    limits: Limits | None = None,
    *,
    stdin: bytes = b"",
    report: bool = False,
) -> SandboxResult:
    """Run a command in the sandbox.

    Args:
        files: What lies in the working folder, by plain name.
        command: Absolute path of a program, and its arguments; see `PYTHON`.
        limits: What it may use.
        stdin: What it reads from its standard input.
        report: Give the command a second way out, on file descriptor 3.

    Raises:
        SandboxError: The code can't be isolated here; it was not run.
    """
    check_isolation()
    return _run(files, command, limits or Limits(), stdin, report)


def check_isolation() -> str:
    """Prove once that the sandbox holds; returns what isolates.

    Raises:
        SandboxError: It does not, or there is none.
    """
    # Whoever changes account afterwards is to be checked anew.
    return _proven(os.geteuid() == 0)


@functools.cache
def _proven(_root: bool) -> str:
    program = bubblewrap()
    canary = Path(__file__)
    result = _run({}, [*PYTHON, "-c", _PROBE, str(canary)], Limits(wall_s=60.0), b"", False)
    lines = result.stdout.decode(errors="replace").split("\n")
    if result.exit != 0 or lines[-2:] != ["done", ""]:
        raise SandboxError(
            f"The sandbox's self-test failed: {_last_line(result.stderr)}.",
            "Learner code is not run. Run 'tutor doctor' for details.",
        )
    if lines[:-2]:
        raise SandboxError(
            f"The sandbox does not hold: code inside reaches {', '.join(lines[:-2])}.",
            "Learner code is not run. Update the kernel and bubblewrap.",
        )
    return f"{program} and a system call filter"


def _run(
    files: Mapping[str, bytes], command: Sequence[str], limits: Limits, stdin: bytes, report: bool
) -> SandboxResult:
    open_fds: list[int] = []

    def holding(name: str, data: bytes) -> int:
        """A file in memory that the child reads."""
        fd = os.memfd_create(name)
        open_fds.append(fd)
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    began = time.monotonic()
    account = secrets.choice(_ACCOUNTS) if os.geteuid() == 0 else 0
    try:
        read_fd, write_fd = os.pipe()
        open_fds.append(write_fd)
        arguments = [bubblewrap(), *namespaces(account), *filesystem(limits)]
        user = account or 1000
        arguments += [
            "--perms",
            "0644",
            "--ro-bind-data",
            str(holding("passwd", passwd(user))),
            "/etc/passwd",
        ]
        for name, data in files.items():
            if not _FILE_NAME.fullmatch(name):
                raise ValueError(f"not a plain file name: {name!r}")
            arguments += ["--perms", "0644", "--file", str(holding(name, data)), f"{WORK}/{name}"]
        arguments += ["--seccomp", str(holding("filter", seccomp_program()))]
        plan = {
            "limits": resource_limits(limits, own_account=bool(account)),
            "account": account,
            "report": write_fd,
            "keep": report,
        }
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, json.dumps(plan), *command]
        child = subprocess.Popen(
            [*arguments, "--remount-ro", "/", "--chdir", WORK, "--", *launcher],
            stdin=holding("stdin", stdin),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=open_fds,
            env={},
            start_new_session=True,
        )
    except OSError as error:
        os.close(read_fd)
        raise SandboxError(
            f"The sandbox can't be started: {error.strerror or error}.", "Try again later."
        ) from error
    finally:
        for fd in open_fds:
            os.close(fd)
    assert child.stdout is not None and child.stderr is not None
    with open(read_fd, "rb", 0) as reports, child.stdout, child.stderr:
        outputs, killed_by = _watch(child, (child.stdout, child.stderr, reports), limits)
    out, err, told = outputs
    if not told.startswith(_STARTED):
        raise SandboxError(f"The sandbox can't be set up: {_last_line(err)}.", cure(err))
    if killed_by is None and child.returncode == 128 + signal.SIGXCPU:
        killed_by = "cpu"
    seconds = time.monotonic() - began
    # bubblewrap itself was ended where a limit was passed, and reports signals as 128 + n.
    code = 128 - child.returncode if child.returncode < 0 else child.returncode
    return SandboxResult(out, err, told[1:], code, killed_by, seconds)


def _watch(
    child: subprocess.Popen[bytes], pipes: Sequence[IO[bytes]], limits: Limits
) -> tuple[list[bytes], str | None]:
    """Collect the output until the end, and bring the end about where a limit is passed."""
    deadline = time.monotonic() + limits.wall_s
    next_look = 0.0
    collected = [bytearray() for _ in pipes]
    killed_by: str | None = None
    try:
        with selectors.DefaultSelector() as selector:
            for place, pipe in enumerate(pipes):
                selector.register(pipe, selectors.EVENT_READ, place)
            while selector.get_map() and killed_by is None:
                for key, _ in selector.select(_TICK_S):
                    data = os.read(key.fd, 65536)
                    collected[key.data] += data
                    if not data:
                        selector.unregister(key.fileobj)
                now = time.monotonic()
                if sum(map(len, collected)) > limits.output_mb * MB:
                    killed_by = "output"
                elif now > deadline:
                    killed_by = "time"
                elif now > next_look:
                    killed_by = _excess(child.pid, limits)
                    next_look = now + _WATCH_S
    finally:
        # Once bubblewrap is gone the kernel ends every process inside, whatever it is doing.
        if child.poll() is None and killed_by is not None:
            child.kill()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            killed_by = killed_by or "time"
            child.kill()
            child.wait()
    return [bytes(data) for data in collected], killed_by


def _excess(pid: int, limits: Limits) -> str | None:
    """The limit that the processes below `pid` pass together, if any."""
    import psutil

    try:
        inside = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return None
    threads = memory = 0
    for process in inside:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8", "replace")
        except OSError:  # it has ended in the meantime
            continue
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        threads += int(fields.get("Threads", "0"))
        # Pages of files can be dropped at any time; these two kinds can't.
        memory += sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))
    if memory > limits.memory_mb * 1024:
        return "memory"
    return "processes" if threads > limits.processes + 8 else None


def _last_line(stderr: bytes) -> str:
    lines: Iterable[str] = stderr.decode(errors="replace").strip().splitlines()
    return " ".join([*lines][-1:]).rstrip(".")[:300] or "it ended without a word"
