"""What a model server leaves behind: orphans to end, a log to keep and to read the cause from."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from tutor.models.launch import MARKER
from tutor.settings import Settings

log = logging.getLogger(__name__)

_ERROR = re.compile(r"\b((?:\w+\.)*\w*(?:Error|Exception): \S.*)")


def end_stale(settings: Settings) -> None:
    """Kills what is left of an earlier server of this TUTOR_HOME; call with the lock held.

    That is: whatever carries our marker, and the orphans of its session. (vLLM's engine and workers
    retitle themselves, which overwrites the environment that others see.)
    """
    import psutil

    def is_marked(process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARKER) == str(settings.home))
        except (psutil.Error, OSError):
            return False  # gone, or somebody else's

    try:
        session = int((settings.folder("run") / "server.pid").read_text("utf-8"))
        # A number in use as a session's is not given out again; with a leader that is not ours
        # the session of old has ended.
        if psutil.pid_exists(session) and not is_marked(psutil.Process(session)):
            session = 0
    except (OSError, ValueError, psutil.Error):
        session = 0
    for process in psutil.process_iter():
        try:
            if is_marked(process) or (session and os.getsid(process.pid) == session):
                log.warning("Ending process %d of an earlier model server", process.pid)
                process.kill()
        except (psutil.Error, OSError):
            continue


def last_error(path: Path) -> str:
    """The last error message in a server's log; empty where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 65_536))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    found = [match[1] for line in lines if (match := _ERROR.search(line))]
    # vLLM's last word points to the cause further up.
    causes = [message for message in found if "root cause" not in message]
    return (causes or found or [""])[-1][:300]


def rotate_log(settings: Settings) -> Path:
    """An empty log; the one before is kept as vllm.log.1."""
    path = settings.folder("logs") / "vllm.log"
    if path.exists():
        os.replace(path, path.with_suffix(".log.1"))
    return path
