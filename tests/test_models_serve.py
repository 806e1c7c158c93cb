"""Supervision of a stand-in server: it dies, hangs, is orphaned, loses its port."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tutor.models import launch, serve, watchdog
from tutor.models.catalog import Cpu
from tutor.models.remains import last_error
from tutor.models.serve import ModelServer, Pace, ServerStatus
from tutor.models.shared import running_llm
from tutor.settings import Settings

# Serves /health and /v1/models like vLLM, with a child (the "engine") of its own.
SERVER = """
import json, os, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

mode, name, port, pids = sys.argv[1:5]
engine = subprocess.Popen(["sleep", "600"], start_new_session=mode == "detached")
with open(pids, "a") as file:
    file.write(f"{os.getpid()} {engine.pid}\\n")
if mode == "dies":
    print("(Engine pid=1) ERROR 01-01 [core.py:1] ValueError: no such weights", flush=True)
    print("RuntimeError: Engine failed to start. See root cause above.", flush=True)
    os._exit(1)
if mode == "mute":
    time.sleep(600)

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): ...
    def do_GET(self):
        key = self.headers.get("Authorization")
        allowed = self.path == "/health" or key == "Bearer " + os.environ["VLLM_API_KEY"]
        body = json.dumps({"data": [{"id": name, "max_model_len": 2048}]}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever(0.05)
"""

PACE = Pace(
    poll=0.05,
    start_limit=10.0,
    watch=0.05,
    deaf_limit=1.0,
    quick_death=30.0,
    first_retry=0.05,
    longest_retry=0.1,
    slow_retry=0.3,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    model = tmp_path / "tiny-model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    return Settings(home=tmp_path / "home", model=str(model))


class Stage:
    """Makes ModelServers over the stand-in and ends whatever is left of them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.script = folder / "server.py"
        self.script.write_text(SERVER)
        self.pids_file = folder / "pids"
        self.mode = "good"
        self.seen: list[ServerStatus] = []
        self.servers: list[ModelServer] = []

    def command(self, folder: Path, name: str, port: int) -> list[str]:
        return [sys.executable, str(self.script), self.mode, name, str(port), str(self.pids_file)]

    def server(self, pace: Pace = PACE) -> ModelServer:
        server = ModelServer(self.settings, self.seen.append, command=self.command, pace=pace)
        self.servers.append(server)
        return server

    def pids(self) -> list[list[int]]:
        """[server, engine] of each start."""
        if not self.pids_file.exists():
            return []
        return [[int(pid) for pid in line.split()] for line in self.pids_file.open()]


@pytest.fixture
def stage(settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(settings, tmp_path)
    yield stage
    for server in stage.servers:
        server.stop()
    for pids in stage.pids():
        assert not any(_lives(pid) for pid in pids)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_server_becomes_ready_and_stops_with_its_engine(stage: Stage) -> None:
    server = stage.server()
    assert server.status.state == "stopped" and server.llm() is None
    server.start()
    assert server.wait_ready(15)
    llm = server.llm()
    assert llm is not None and (llm.name, llm.context_length) == ("tiny-model", 2048)
    pids = stage.pids()[0]
    server.stop()
    assert server.status.state == "stopped" and server.llm() is None
    assert not any(_lives(pid) for pid in pids)
    assert not (stage.settings.home / "run/server.json").exists()
    states = [status.state for status in stage.seen]
    assert states.index("starting") < states.index("ready") < states.index("stopped")


def test_record_is_private_and_lets_others_use_the_server(stage: Stage) -> None:
    assert running_llm(stage.settings) is None
    server = stage.server()
    server.start()
    assert server.wait_ready(15)
    path = stage.settings.home / "run/server.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shared = running_llm(stage.settings)
    assert shared is not None and shared.name == "tiny-model"
    server.stop()
    assert running_llm(stage.settings) is None


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"pid": 1, "url": 5}', '{"pid": "x"}'])
def test_malformed_record_is_no_server(settings: Settings, record: str) -> None:
    (settings.folder("run") / "server.json").write_text(record)
    assert running_llm(settings) is None


def test_second_server_shares_and_takes_over(stage: Stage) -> None:
    first, second = stage.server(), stage.server()
    first.start()
    assert first.wait_ready(15)
    second.start()
    assert second.wait_ready(15)
    assert len(stage.pids()) == 1
    first.stop()
    _wait(lambda: len(stage.pids()) == 2 and second.status.state == "ready")


@pytest.mark.parametrize("victim", [0, 1], ids=["server", "engine with it"])
def test_killed_server_is_restarted(stage: Stage, victim: int) -> None:
    server = stage.server()
    server.start()
    assert server.wait_ready(15)
    first = server.llm()
    for pid in stage.pids()[0][: victim + 1]:
        os.kill(pid, signal.SIGKILL)
    _wait(lambda: len(stage.pids()) == 2 and server.status.state == "ready")
    assert server.llm() is not first
    assert not _lives(stage.pids()[0][1])


def test_server_that_keeps_dying_fails_with_its_own_words_and_is_retried(stage: Stage) -> None:
    stage.mode = "dies"
    server = stage.server()
    server.start()
    _wait(lambda: server.status.state == "failed")
    assert len(stage.pids()) == 3
    assert "ValueError: no such weights" in server.status.detail
    assert not server.wait_ready(0)
    stage.mode = "good"
    _wait(lambda: server.status.state == "ready")


def test_server_that_never_answers_is_killed(stage: Stage) -> None:
    stage.mode = "mute"
    server = stage.server(Pace(poll=0.05, start_limit=6, deaths_to_give_up=1, slow_retry=60))
    server.start()
    _wait(lambda: server.status.state == "failed")
    assert "did not answer within" in server.status.detail
    assert not any(_lives(pid) for pid in stage.pids()[0])


def test_server_that_goes_deaf_is_restarted(stage: Stage) -> None:
    server = stage.server()
    server.start()
    assert server.wait_ready(15)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "is_healthy", lambda _url: False)
        _wait(lambda: server.status.state != "ready")
    _wait(lambda: len(stage.pids()) == 2 and server.status.state == "ready")


def test_port_clash_gets_another_port(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1]])
        original = serve._free_port
        monkeypatch.setattr(serve, "_free_port", lambda: next(ports, None) or original())
        monkeypatch.setattr(serve, "is_healthy", _quick_health(serve.is_healthy))
        server = stage.server()
        server.start()
        _wait(lambda: server.status.state == "ready")
        assert len(stage.pids()) == 2


def _quick_health(original: Callable[[str], bool]) -> Callable[[str], bool]:
    # The taken port accepts and never answers: don't wait the full timeout for it.
    import httpx

    def ask(url: str) -> bool:
        try:
            return httpx.get(f"{url}/health", timeout=0.2).status_code == 200
        except httpx.HTTPError:
            return False

    return ask


def test_stop_while_starting_is_quick(stage: Stage) -> None:
    stage.mode = "mute"
    server = stage.server()
    server.start()
    _wait(lambda: bool(stage.pids()))
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 5
    assert server.status.state == "stopped"


@pytest.mark.parametrize("mode", ["good", "detached"])
def test_kill_9_of_the_parent_ends_the_whole_tree(stage: Stage, tmp_path: Path, mode: str) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            from pathlib import Path
            sys.path.insert(0, {str(Path(__file__).parents[1])!r})
            from tutor.models.serve import ModelServer, Pace
            from tutor.settings import Settings
            def command(folder, name, port):
                return [sys.executable, {str(stage.script)!r}, {mode!r}, name, str(port),
                        {str(stage.pids_file)!r}]
            settings = Settings(home=Path({str(stage.settings.home)!r}),
                                model={stage.settings.model!r})
            server = ModelServer(settings, command=command, pace=Pace(poll=0.05))
            server.start()
            server.wait_ready(20)
            print(server.status.state, flush=True)
            time.sleep(600)
            """
        )
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    pids = stage.pids()[0]
    assert all(_lives(pid) for pid in pids)
    parent.kill()
    parent.communicate()
    _wait(lambda: not any(_lives(pid) for pid in pids))


def test_what_an_earlier_crash_left_is_ended(stage: Stage) -> None:
    environment = {**os.environ, launch.MARKER: str(stage.settings.home)}
    stale = subprocess.Popen(["sleep", "600"], env=environment)
    other = subprocess.Popen(["sleep", "600"], env={**environment, launch.MARKER: "/elsewhere"})
    try:
        server = stage.server()
        server.start()
        assert server.wait_ready(15)
        assert stale.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        stale.kill()
        stale.wait()


def test_orphans_that_hide_their_environment_are_ended(settings: Settings) -> None:
    # vLLM's engine looks like this to others once it has set its process title.
    leader = subprocess.Popen(
        ["bash", "-c", "env -i sleep 600 >/dev/null & echo $!"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    orphan = int(leader.communicate()[0])
    assert _lives(orphan)
    (settings.folder("run") / "server.pid").write_text(str(leader.pid))
    serve.end_stale(settings)
    _wait(lambda: not _lives(orphan))


def test_session_of_somebody_else_is_left_alone(settings: Settings) -> None:
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        (settings.folder("run") / "server.pid").write_text(str(other.pid))
        serve.end_stale(settings)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_failed_preparation_says_why(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", model="owner/name", offline=True)
    server = ModelServer(settings, pace=PACE)
    server.start()
    _wait(lambda: server.status.state == "failed")
    assert "TUTOR_OFFLINE" in server.status.detail
    server.stop()


def test_missing_vllm_says_how_to_get_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda _name: None)
    server = ModelServer(settings, pace=Pace(deaths_to_give_up=1))
    server.start()
    _wait(lambda: server.status.state == "failed")
    assert "vLLM is not installed" in server.status.detail
    server.stop()


def test_failing_callback_does_not_stop_the_server(stage: Stage) -> None:
    def fail(_status: ServerStatus) -> None:
        raise RuntimeError("the browser is gone")

    server = ModelServer(stage.settings, fail, command=stage.command, pace=PACE)
    stage.servers.append(server)
    server.start()
    assert server.wait_ready(15)


CPU = Cpu(frozenset({"avx2"}), 2, 20.0)


def test_users_arguments_come_last(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"vllm_args": ("--dtype", "half")})
    command = launch.vllm_command(Path(settings.model), "m", 5, settings, CPU, gpu=False)
    assert command[-2:] == ["--dtype", "half"]
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_gpu_gets_no_cpu_flags(settings: Settings) -> None:
    command = launch.vllm_command(Path(settings.model), "m", 5, settings, CPU, gpu=True)
    environment = launch.vllm_environment(settings, "k", CPU, gpu=True)
    assert "--speculative-config" not in command and "--enforce-eager" not in command
    assert not [name for name in environment if name.startswith("VLLM_CPU")]


def test_context_is_limited_by_the_model(settings: Settings) -> None:
    config = Path(settings.model) / "config.json"
    config.write_text(json.dumps({"max_position_embeddings": 1024}))
    command = launch.vllm_command(config.parent, "m", 5, settings, CPU, gpu=False)
    assert command[command.index("--max-model-len") + 1] == "1024"


def test_child_sees_no_password_and_writes_below_home(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTOR_PASSWORD", "hunter2")
    environment = launch.vllm_environment(settings, "k", CPU, gpu=False)
    assert "hunter2" not in environment.values()
    for name in ("VLLM_CACHE_ROOT", "HF_HOME", "XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR"):
        assert Path(environment[name]).is_relative_to(settings.home)
    assert environment["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("threads", "load", "bound"),
    [(0, 0.1, None), (0, 4.0, "3,5,7"), (1, 0.1, "7"), (2, 9.0, "5,7"), (4, 9.0, None)],
    ids=["idle", "busy", "one", "two", "all"],
)
def test_threads_are_bound_to_the_last_cores(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
    load: float,
    bound: str | None,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 3, 5, 7})
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    limited = settings.model_copy(update={"threads": threads})
    environment = launch.vllm_environment(limited, "k", CPU, gpu=False)
    assert environment.get("VLLM_CPU_OMP_THREADS_BIND") == bound


@pytest.mark.parametrize(
    ("flags", "dtype", "eager"),
    [({"avx2"}, "float32", True), ({"avx512_vnni", "amx_bf16"}, "bfloat16", False)],
    ids=["AVX2", "AMX"],
)
def test_flags_follow_the_cpu(settings: Settings, flags: set[str], dtype: str, eager: bool) -> None:
    cpu = Cpu(frozenset(flags), 2, 20.0)
    command = launch.vllm_command(Path(settings.model), "m", 5, settings, cpu, gpu=False)
    assert command[command.index("--dtype") + 1] == dtype
    assert ("--enforce-eager" in command) is eager


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("all is well\n", ""),
        ("a\nValueError: first\nmore\nRuntimeError: see root cause above\n", "ValueError: first"),
        (
            "x (E pid=1) ERROR [c.py:1] torch.OutOfMemoryError: full\n",
            "torch.OutOfMemoryError: full",
        ),
    ],
)
def test_last_error_finds_the_cause(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    assert last_error(path) == expected


def test_watchdog_passes_on_the_exit_status(tmp_path: Path) -> None:
    process = watchdog.spawn([sys.executable, "-c", "raise SystemExit(3)"])
    assert process.wait(10) == 3
    process = watchdog.spawn(["sleep", "600"])
    watchdog.stop(process)
    assert process.returncode == 128 + signal.SIGTERM


def test_watchdog_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'up')!r}, 'w').close()\ntime.sleep(600)\n"
    )
    process = watchdog.spawn([sys.executable, str(stubborn)], grace_s=0.2)
    _wait((tmp_path / "up").exists)
    began = time.monotonic()
    watchdog.stop(process)
    assert process.returncode == 128 + signal.SIGKILL
    assert time.monotonic() - began < 4
