"""Runs vLLM's OpenAI-compatible server as a child: prepares the model, starts, watches, restarts.

One server per TUTOR_HOME: whoever holds run/server.lock owns it and leaves its address and key in
run/server.json (mode 0600); other Tutor processes use that one. The server dies with its owner,
even by kill -9 (see watchdog); what a crash of the watchdog itself might leave is ended at the next
start.
"""

from __future__ import annotations

import logging
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tutor.errors import ServerError, TutorError
from tutor.models import watchdog
from tutor.models.catalog import MODELS, choose_model, has_gpu, read_cpu
from tutor.models.client import ServedModel, connect, discover
from tutor.models.launch import vllm_command, vllm_environment
from tutor.models.remains import end_stale, last_error, rotate_log
from tutor.models.resolve import prepare
from tutor.models.shared import (
    client_of,
    is_alive,
    is_healthy,
    record_path,
    shared_llm,
    write_record,
)
from tutor.settings import Settings

if TYPE_CHECKING:
    from tutor.models.llm import LLM

log = logging.getLogger(__name__)

State = Literal["stopped", "preparing", "starting", "ready", "failed"]
# Folder, served name, port -> the command line.
Command = Callable[[Path, str, int], list[str]]


@dataclass(frozen=True)
class ServerStatus:
    """Where the model server stands; `fraction` is known while preparing only."""

    state: State
    detail: str
    fraction: float | None = None
    model: str = ""

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Pace:
    """All waiting times, in seconds."""

    poll: float = 0.5
    # A cold start of 1.5B on two busy cores took minutes.
    start_limit: float = 900.0
    watch: float = 2.0
    # An overloaded server answers late: only long silence counts as death.
    deaf_limit: float = 120.0
    # Dying sooner than this after the start counts towards giving up.
    quick_death: float = 120.0
    first_retry: float = 1.0
    longest_retry: float = 30.0
    deaths_to_give_up: int = 3
    slow_retry: float = 300.0


class _Stopped(Exception):
    """`stop` was called; unwinds the supervising thread."""


class ModelServer:
    """The model server of this TUTOR_HOME.

    Args:
        settings: With TUTOR_LLM_URL set nothing is started; that server is watched instead.
        on_change: Called with every new status, from the supervising thread.
        command: Stands in for vLLM in tests.
        pace: Waiting times.
    """

    def __init__(
        self,
        settings: Settings,
        on_change: Callable[[ServerStatus], None] | None = None,
        *,
        command: Command | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._on_change = on_change
        self._command = command
        self._pace = pace or Pace()
        self._status = ServerStatus("stopped", "The model server is not running.")
        self._llm: LLM | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def status(self) -> ServerStatus:
        """The current status."""
        return self._status

    def llm(self) -> LLM | None:
        """The model, or None unless the state is ready."""
        with self._changed:
            return self._llm

    def start(self) -> None:
        """Prepares, starts and supervises in a thread; returns at once."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopping.clear()
        self._set("preparing", "The model server is about to start.")
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the server with all its processes and waits for that."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._set("stopped", "The model server is not running.")

    def wait_ready(self, timeout: float) -> bool:
        """Waits until the state is ready (True), or failed, stopped or time is up (False)."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._status.state in ("ready", "failed", "stopped"), timeout
            )
            return self._status.state == "ready"

    def _set(
        self, state: State, detail: str, fraction: float | None = None, llm: LLM | None = None
    ) -> None:
        model = llm.name if llm else self._status.model
        status = ServerStatus(state, detail, fraction, model)
        with self._changed:
            self._llm = llm
            if status == self._status:
                return
            self._status = status
            self._changed.notify_all()
        if self._on_change is not None:
            try:
                self._on_change(status)
            except Exception:
                # A front end that went away must not take the server with it.
                log.exception("on_change failed")

    def _run(self) -> None:
        try:
            if self._settings.llm_url:
                self._watch_remote()
            else:
                self._share_or_own()
        except _Stopped:
            pass
        except Exception as error:
            log.exception("The model server's supervisor failed")
            self._set("failed", f"The model server's supervisor failed: {error}")

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def _watch_remote(self) -> None:
        while True:
            try:
                llm = self._llm or connect(self._settings)
                discover(self._settings.llm_url, self._settings.llm_api_key.get_secret_value())
                self._set("ready", f"{llm.name} answers at {self._settings.llm_url}.", None, llm)
                self._pause(self._pace.watch * 5)
            except ServerError as error:
                self._set("failed", str(error))
                self._pause(self._pace.watch * 5)

    def _share_or_own(self) -> None:
        from filelock import FileLock, Timeout

        lock = FileLock(self._settings.folder("run") / "server.lock")
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                llm = self._llm if self._llm and is_alive(self._settings) else None
                llm = llm or shared_llm(self._settings)
                if llm is not None:
                    self._set("ready", f"{llm.name}, run by another Tutor.", None, llm)
                else:
                    self._set("starting", "Another Tutor is starting the model server.")
                self._pause(self._pace.watch)
        try:
            end_stale(self._settings)
            self._own()
        finally:
            record_path(self._settings).unlink(missing_ok=True)
            lock.release()

    def _own(self) -> None:
        """Serves for ever, restarting with growing pauses; ends by _Stopped only."""
        deaths = 0
        while True:
            began = time.monotonic()
            try:
                self._serve_once()
            except ServerError as error:
                quick = time.monotonic() - began < self._pace.quick_death
                deaths = deaths + 1 if quick else 1
                log.warning("The model server ended: %s", error)
                if deaths >= self._pace.deaths_to_give_up:
                    self._set("failed", str(error))
                    self._pause(self._pace.slow_retry)
                else:
                    self._set("starting", f"Restarting. {error}")
                    wait = self._pace.first_retry * 2 ** (deaths - 1)
                    self._pause(min(wait, self._pace.longest_retry))
            except TutorError as error:
                # Preparation: an instant retry would meet the same network, disk or file.
                self._set("failed", str(error))
                self._pause(self._pace.slow_retry)

    def _serve_once(self) -> None:
        """One life of the server. Raises ServerError when it ends, _Stopped when told to."""
        gpu = has_gpu()
        cpu = read_cpu()
        choice = choose_model(self._settings, cpu, gpu)
        settings = self._settings

        def report(stage: str, fraction: float) -> None:
            if self._stopping.is_set():
                raise _Stopped
            self._set("preparing", stage, round(fraction, 2))

        known = choice.format if choice.name in MODELS else None
        folder = prepare(choice.name, settings, report, format=known)
        name = Path(choice.name).name
        port = _free_port()
        key = secrets.token_urlsafe(24)
        if self._command is not None:
            command = self._command(folder, name, port)
        else:
            command = vllm_command(folder, name, port, settings, cpu, gpu=gpu)
        environment = vllm_environment(settings, key, cpu, gpu=gpu)
        self._set("starting", f"Loading {name}; this takes a minute or two.")
        path = rotate_log(settings)
        with path.open("wb") as output:
            process = watchdog.spawn(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            (settings.folder("run") / "server.pid").write_text(str(process.pid), "utf-8")
            url = f"http://127.0.0.1:{port}"
            served = self._await_health(process, url, key, name, path)
            tokenizer = folder / "tokenizer.json"
            record = {
                "url": url,
                "key": key,
                "model": served.name,
                "context_length": served.context_length,
                "pid": process.pid,
                "tokenizer": str(tokenizer) if tokenizer.is_file() else None,
            }
            write_record(settings, record)
            self._set("ready", f"{served.name} is ready.", None, client_of(settings, record))
            self._watch(process, url, path)
        finally:
            record_path(settings).unlink(missing_ok=True)
            watchdog.stop(process)

    def _await_health(
        self, process: subprocess.Popen[bytes], url: str, key: str, name: str, path: Path
    ) -> ServedModel:
        deadline = time.monotonic() + self._pace.start_limit
        while time.monotonic() < deadline:
            _raise_if_dead(process, path)
            if is_healthy(url):
                served = discover(url, key)
                if served.name != name:
                    raise ServerError(f"Another server has taken {url}.", "It is tried again.")
                return served
            self._pause(self._pace.poll)
        raise ServerError(
            f"The model server did not answer within {self._pace.start_limit:.0f} s.",
            f"See {path}.",
        )

    def _watch(self, process: subprocess.Popen[bytes], url: str, path: Path) -> None:
        heard = time.monotonic()
        while True:
            self._pause(self._pace.watch)
            _raise_if_dead(process, path)
            if is_healthy(url):
                heard = time.monotonic()
            elif time.monotonic() - heard > self._pace.deaf_limit:
                raise ServerError("The model server stopped answering.", f"See {path}.")


def _raise_if_dead(process: subprocess.Popen[bytes], path: Path) -> None:
    status = process.poll()
    if status is None:
        return
    reason = last_error(path) or f"it ended with status {status}"
    raise ServerError(f"The model server stopped: {reason}.", f"See {path}.")


def _free_port() -> int:
    # Another process may take it before vLLM does: then vLLM ends and the next try gets another.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
