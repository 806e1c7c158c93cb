"""The escape suite of the sandbox: attempts to get out, to do harm and to forge a grade.

The tests run every attempt; `python -m eval.run sandbox` counts those that were held.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from corpus.labs import Lab, read_lab
from tutor.exercises import code, sandbox

# What must fail inside with an OSError. {secret} is a file outside; call(n, …) is a system call.
HELD: dict[str, str] = {
    "reads TUTOR_HOME": "open({secret!r}).read()",
    "reads HOME": "open(os.path.dirname(os.path.dirname({secret!r})) + '/.netrc').read()",
    "reads the project": f"open({str(Path(sandbox.__file__))!r}).read()",
    "reads the hidden tests": f"open({str(Path(code.__file__).parents[2])!r}"
    " + '/corpus/labs/attention/test_hidden.py').read()",
    "reads /etc/shadow": "open('/etc/shadow').read()",
    "reads the host's name": "open('/etc/hostname').read()",
    "follows a symlink out": "os.symlink({secret!r}, '/lab/x'); open('/lab/x').read()",
    "leaves by /proc/1/root": "open('/proc/1/root' + {secret!r}).read()",
    "leaves by /proc/self/root": "open('/proc/self/root/../../..' + {secret!r}).read()",
    "leaves by a hard link": "os.link({secret!r}, '/lab/x')",
    "reads the environment of process 1": "open('/proc/1/environ', 'rb').read()",
    "reads the memory of process 1": "open('/proc/1/mem', 'rb').read(1)",
    "writes its own memory": "open('/proc/self/mem', 'r+b')",
    "sets the core pattern": "open('/proc/sys/kernel/core_pattern', 'w').write('|/lab/x')",
    "pulls the sysrq trigger": "open('/proc/sysrq-trigger', 'w').write('h')",
    "spares itself from the OOM killer": "open('/proc/self/oom_score_adj', 'w').write('-999')",
    "writes to /usr": "open('/usr/bin/x', 'w')",
    "writes to /etc": "open('/etc/x', 'w')",
    "writes to the root folder": "open('/x', 'w')",
    "writes into Python's packages": "open(sys.prefix + '/lib/x.pth', 'w')",
    "writes where the secret is": "open({secret!r}, 'w')",
    "opens a TCP connection": "import socket; socket.create_connection(('127.0.0.1', 22), 2)",
    "opens a UDP socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "opens a Unix socket": "import socket; socket.socket(socket.AF_UNIX)",
    "resolves a name": "import socket; socket.create_connection(('example.org', 80), 2)",
    "opens a socket without Python": "call(41, 2, 1, 0)",
    "becomes root": "os.setuid(0)",
    "becomes a member of root's group": "os.setgroups([0])",
    "traces process 1": "call(101, 16, 1, 0, 0)",
    "reads another process": "call(310, 1, 0, 0, 0, 0, 0)",
    "mounts": "call(165, b'none', b'/lab', b'tmpfs', 0, 0)",
    "mounts the root folder writable": "call(165, 0, b'/', 0, 32 | 4096, 0)",
    "unmounts": "call(166, b'/proc', 2)",
    "changes its root": "os.chroot('/lab')",
    "pivots its root": "call(155, b'/lab', b'/lab')",
    "makes a user namespace": "call(272, 0x10000000)",
    "makes a mount namespace": "call(272, 0x00020000)",
    "makes a namespace by clone": "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "makes a namespace by clone3": "call(435, bytes(88), 88)",
    "enters a namespace": "call(308, os.open('/proc/1/ns/net', 0), 0)",
    "loads a program into the kernel": "call(321, 0, bytes(64), 64)",
    "counts performance": "call(298, bytes(112), 0, -1, -1, 0)",
    "reads keys": "call(250, 0, -3, 1)",
    "sets up io_uring": "call(425, 8, bytes(120))",
    "makes a file in memory": "os.memfd_create('x')",
    "makes shared memory": "call(29, 0, 1 << 20, 0o1600)",
    "opens a file by its handle": "call(304, -100, bytes(16), 0)",
    "turns off address randomization": "call(135, 0x0040000)",
    "calls by the x32 interface": "call(0x40000000 + 41, 2, 1, 0)",
    "loads a kernel module": "call(313, 0, b'', 0)",
    "makes a device": "os.mknod('/lab/sda', 0o600 | 0o060000, os.makedev(8, 0)); open('/lab/sda')",
    "opens a disk": "open('/dev/vda', 'rb')",
    "opens the kernel's log": "open('/dev/kmsg', 'w')",
    "opens the terminal": "open('/dev/tty', 'w')",
    "writes to /sys": "open('/sys/devices/system/cpu/cpu1/online', 'w').write('0')",
    "talks to Docker": "open('/var/run/docker.sock')",
    "renames the host": "import socket; socket.sethostname('x')",
    "runs as root by a setuid program": "os.chown('/lab', 0, 0)",
    "raises its priority": "os.nice(-10)",
    "fills the disk": "for i in range(40): open(f'/lab/{{i}}', 'wb').write(bytes(10**7))",
    "fills /tmp": "for i in range(40): open(f'/tmp/{{i}}', 'wb').write(bytes(10**7))",
    "fills /dev/shm": "open('/dev/shm/x', 'wb').write(bytes(10**7))",
    "writes one huge file": "f = open('/lab/x', 'wb'); f.seek(10**9); f.write(b'x'); f.flush()",
    "opens a thousand files": "files = [open('/dev/null') for _ in range(1000)]",
}
X86_ONLY = {name for name, attempt in HELD.items() if "call(" in attempt}
ATTEMPT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*given):
    if libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in given)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
try:
    {attempt}
except OSError as error:
    print("held:", error)
else:
    print("ESCAPED")
"""

# Code that a limit ends: the limits, and by which of them (None: it ends by itself, in failure).
LIMITED: dict[str, tuple[str, dict[str, Any], set[str | None]]] = {
    "forks without end": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
                          {"wall_s": 2.0}, {"time", "processes", "cpu"}),
    "takes all memory at once": ("x = bytearray(8 << 30)", {}, {None}),
    "takes memory bit by bit": ("x = []\nwhile True: x.append(bytearray(10**6))",
                                {"memory_mb": 100}, {None, "memory"}),
    "takes memory that is shared": ("import mmap\nm = mmap.mmap(-1, 1 << 30)\n"
                                    "for i in range(0, 1 << 30, 4096): m[i] = 1\n"
                                    "import time; time.sleep(60)",
                                    {"memory_mb": 100}, {"memory"}),
    "takes memory in many processes": ("import os, time\nfor _ in range(20): os.fork() or time."
                                       "sleep(bytearray(2 * 10**7) and 60)\ntime.sleep(60)",
                                       {"memory_mb": 100}, {"memory"}),
    "prints without end": ("while True: print('x' * 10**5)", {"output_mb": 1}, {"output"}),
    "prints errors without end": ("import sys\nwhile True: sys.stderr.write('x' * 10**5)",
                                  {"output_mb": 1}, {"output"}),
    "computes without end": ("while True: pass", {"cpu_s": 1}, {"cpu"}),
    "computes on and ignores signals": ("import signal\nfor n in range(1, 65):\n    try: signal."
                                        "signal(n, signal.SIG_IGN)\n    except (OSError, "
                                        "ValueError): pass\nwhile True: pass",
                                        {"cpu_s": 1}, {None, "cpu"}),
    "sleeps without end": ("import time; time.sleep(999)", {"wall_s": 0.7}, {"time"}),
    "raises its limits": ("import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (999, 999))",
                          {}, {None}),
    "leaves a daemon behind": ("import os, time\nif os.fork(): os._exit(1)\nos.setsid()\n"
                               "os.fork() and os._exit(1)\ntime.sleep(999)", {}, {None}),
    "starts threads without end": ("import threading, time\nwhile True: threading.Thread(target="
                                   "time.sleep, args=(99,)).start()", {"wall_s": 1.5},
                                   {None, "processes", "memory", "time"}),
    "crashes": ("import ctypes; ctypes.string_at(0)", {}, {None}),
}  # fmt: skip

TASK = "# Sums\n\nWrite `add` and `scale`.\n\n## Hints\n\n1. Add."
TESTS = """
import numpy as np
import submission as s


def close(got, want, msg):
    assert np.allclose(got, want), msg


def test_add():
    close(s.add(1, 2), 3, "add returns the sum of its arguments.")


def test_add_negative():
    close(s.add(-1, -2), -3, "add must work for negative numbers.")


def test_scale():
    close(s.scale(np.ones(3), 2), [2, 2, 2], "scale multiplies every entry.")
"""
SOLUTION = """
def add(a, b):
    return a + b


def scale(x, k):
    return x * k
"""
WRONG = SOLUTION.replace("a + b", "a - b").replace("x * k", "x + 9")
PASSED = '{"name": "%s", "passed": true, "message": ""}'

# Code that is wrong and claims to be right. The first look at its means is left out here: even
# without it none of these gets a better grade than it deserves.
FORGERIES = {
    "exits at once": "import sys\nsys.exit(0)",
    "exits hard": "import os\nos._exit(0)",
    "exits hard in a test": "import os\ndef add(a, b): os._exit(0)",
    "exits in a test": "import sys\ndef add(a, b): sys.exit(0)\ndef scale(x, k): quit(0)",
    "prints results": f"print('{PASSED % 'test_add'}')" + WRONG,
    "prints at exit": "import atexit\natexit.register(print, 'passed')\nraise SystemExit(0)",
    "writes results to every pipe": "import os\n"
    "for fd in range(3, 256):\n    for name in ('test_add',"
    " 'test_scale'):\n        try: os.write(fd, b'" + (PASSED % "test_add") + "\\n')\n"
    "        except OSError: pass" + WRONG,
    "closes every pipe": "import os\nos.closerange(0, 256)" + WRONG,
    "replaces numpy.allclose": "import numpy\nnumpy.allclose = lambda *a, **k: True" + WRONG,
    "replaces it in a test": "import numpy\ndef add(a, b): numpy.allclose = lambda *a, **k: True\n"
    "def scale(x, k): return x",
    "replaces a builtin": "import builtins\nbuiltins.AssertionError = ZeroDivisionError" + WRONG,
    "replaces a helper of the tests": "import sys\ndef add(a, b):\n    f = sys._getframe(1)\n"
    "    f.f_globals['close'] = lambda *a: None\n    return 0\nscale = add",
    "replaces pytest": "import sys\nsys.modules['pytest'] = None" + WRONG,
    "replaces json": "import json\njson.dumps = lambda *a, **k: '{}'\njson.JSONEncoder.encode = "
    "lambda *a: '{}'" + WRONG,
    "replaces os.write": "import os\nos.write = lambda *a: 0" + WRONG,
    "skips by an exception": "import unittest\ndef add(a, b): raise unittest.SkipTest('x')",
    "raises KeyboardInterrupt": "def add(a, b): raise KeyboardInterrupt",
    "kills the referee": "import os\nos.kill(os.getppid(), 9)" + WRONG,
    "writes to the referee's pipe": "import os\nopen(f'/proc/{os.getppid()}/fd/3', 'w').write('x')"
    + WRONG,
    "reads the referee's memory": "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')" + WRONG,
    "plays on in a fork": "import os, time\nif os.fork(): time.sleep(0.3); os._exit(0)" + WRONG,
    "leaves threads running": "import threading, time\nthreading.Thread(target=time.sleep, "
    "args=(99,)).start()" + WRONG,
    "traces the tests": "import sys\nsys.settrace(lambda *a: None)" + WRONG,
    "crashes": "import ctypes\ndef add(a, b): ctypes.string_at(0)",
    "replaces itself": "import sys, types\nsys.modules['submission'] = types.SimpleNamespace()"
    + WRONG,
}  # fmt: skip


def make_lab(folder: Path, **changes: str) -> Lab:
    """Write a lab's folder, with some files or lines changed, and read it."""
    sheet = {
        "id": "sums", "title": "Sums", "topic": "math-for-ml", "minutes": "10", "difficulty": "1",
        "packages": "[numpy]", "objectives": "[Add, Scale]",
    } | {key: text for key, text in changes.items() if "." not in key}  # fmt: skip
    (folder / "mutants").mkdir(parents=True)
    (folder / "task.md").write_text(changes.get("task.md", TASK))
    (folder / "starter.py").write_text("def add(a, b):\n    raise NotImplementedError('add')\n")
    (folder / "test_hidden.py").write_text(changes.get("test_hidden.py", TESTS))
    (folder / "solution.py").write_text(SOLUTION)
    (folder / "lab.yaml").write_text("\n".join(f"{k}: {v}" for k, v in sheet.items()))
    return read_lab(folder)
