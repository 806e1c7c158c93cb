"""Runs a command whose whole process tree ends when this side or its parent does.

    python -m tutor.models.watchdog PARENT_PID GRACE_S -- COMMAND…

`spawn` starts it from Tutor. A server such as vLLM forks engines and workers of its own, which a
kill -9 of Tutor would leave behind; the watchdog adopts every orphan (PR_SET_CHILD_SUBREAPER) and
ends them all once its standard input, a pipe that only Tutor holds, reaches its end.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

POLL_S = 0.5
GRACE_S = 8.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    grace_s: float = GRACE_S,
) -> subprocess.Popen[bytes]:
    """Starts `command` under a watchdog in a process group of its own.

    The returned process is the watchdog; its exit status is the command's. End it with `stop`.

    Args:
        grace_s: Seconds between SIGTERM and SIGKILL.
    """
    environment = dict(os.environ if env is None else env)
    # The package may be run from a checkout that is not installed.
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tutor.models.watchdog",
            str(os.getpid()),
            str(grace_s),
            "--",
            *command,
        ],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], timeout: float = GRACE_S + 4) -> None:
    """Ends the watchdog and everything below it: SIGTERM, after a while SIGKILL."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status, or 128 + signal as shells do."""
    parent, grace_s, separator, *command = arguments
    if separator != "--" or not command:
        raise SystemExit("usage: python -m tutor.models.watchdog PARENT_PID GRACE_S -- COMMAND…")
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: ended.append(received))

    def die_with_watchdog() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_watchdog)
    while child.poll() is None and not ended and os.getppid() == int(parent):
        readable, _, _ = select.select([0], [], [], POLL_S)
        if readable and not os.read(0, 1):
            break
    _end_tree(child, float(grace_s))
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end_tree(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM to every descendant, SIGKILL to those that are left after the grace period."""
    import psutil

    # Orphans that a dead server left behind have nothing to finish.
    deadline = time.monotonic() + (grace_s if child.poll() is None else min(1.0, grace_s))
    _signal_all(psutil.Process().children(recursive=True), signal.SIGTERM)
    while child.poll() is None or psutil.Process().children():
        if time.monotonic() > deadline:
            _signal_all(psutil.Process().children(recursive=True), signal.SIGKILL)
        # Reaps adopted orphans only: the command's own status belongs to Popen.
        below = psutil.Process().children(recursive=True)
        orphans = [process for process in below if process.pid != child.pid]
        psutil.wait_procs(orphans, timeout=0.05)
        time.sleep(0.05)


def _signal_all(processes: Sequence[Any], number: int) -> None:
    import psutil

    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
