"""The real vLLM with SmolLM2 through ModelServer: minutes, and 4 GB of memory.

TUTOR_TEST_HOME names a home whose prepared model is used; without it one is fetched and converted.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import httpx
import psutil
import pytest
from pydantic import BaseModel, Field

from tutor.errors import ServerError
from tutor.models.catalog import SMALL
from tutor.models.llm import LLM, Message
from tutor.models.serve import ModelServer
from tutor.models.shared import running_llm
from tutor.settings import Settings

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
    pytest.mark.timeout(1800),
]

START_S = 900.0


@pytest.fixture(scope="module")
def settings(make_home: Callable[[str], Path]) -> Settings:
    return Settings(home=make_home("vllm"), model=SMALL, llm_url="", vllm_args=("--enforce-eager",))


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[ModelServer]:
    server = ModelServer(settings)
    server.start()
    assert server.wait_ready(START_S), server.status.detail
    yield server
    processes = _processes(settings)
    assert len(processes) >= 2
    server.stop()
    assert not [process for process in processes if process.is_running()]


def _model(server: ModelServer) -> LLM:
    llm = server.llm()
    assert llm is not None
    return llm


def _processes(settings: Settings) -> list[psutil.Process]:
    """vLLM's processes, by descent: they retitle themselves, which hides their environment."""
    record = json.loads((settings.home / "run/server.json").read_text())
    return list(psutil.Process(record["pid"]).children(recursive=True))


class Item(BaseModel):
    topic: str = Field(max_length=40)
    level: Literal["easy", "hard"]
    minutes: int = Field(ge=1, le=60)


def test_streams_in_several_deltas(server: ModelServer) -> None:
    deltas = list(_model(server).stream([Message("user", "Count to ten.")], max_tokens=24))
    assert len(deltas) > 3 and "".join(deltas).strip()


def test_greedy_replies_repeat(server: ModelServer) -> None:
    ask = [Message("user", "What is a token?")]
    replies = {_model(server).complete(ask, max_tokens=12) for _ in range(2)}
    assert len(replies) == 1


def test_structured_output_obeys_the_schema(server: ModelServer) -> None:
    ask = [Message("user", "Rate the topic 'attention': topic, level, minutes.")]
    item = _model(server).structured(ask, Item, max_tokens=80, temperature=1.0)
    assert item.level in ("easy", "hard") and 1 <= item.minutes <= 60


def test_own_count_equals_the_servers(server: ModelServer, settings: Settings) -> None:
    text = "Attention is all you need: 2017, O(n²) <|im_end|> naïve 注意"
    record = json.loads((settings.home / "run/server.json").read_text())
    body = {"model": record["model"], "prompt": text, "add_special_tokens": False}
    reply = httpx.post(f"{record['url']}/tokenize", json=body, timeout=30)
    assert _model(server).count_tokens(text) == reply.json()["count"]


def test_key_is_needed(server: ModelServer, settings: Settings) -> None:
    record = json.loads((settings.home / "run/server.json").read_text())
    assert httpx.get(f"{record['url']}/v1/models", timeout=30).status_code == 401


def test_prompt_beyond_the_context_is_a_server_error(server: ModelServer) -> None:
    with pytest.raises(ServerError, match="400"):
        _model(server).complete([Message("user", "word " * 6000)], max_tokens=5)


def test_other_process_finds_the_server(server: ModelServer, settings: Settings) -> None:
    shared = running_llm(settings)
    assert shared is not None and shared.name == SMALL
    assert shared.complete([Message("user", "Say hello.")], max_tokens=4)


def test_caches_stay_below_home(server: ModelServer, settings: Settings) -> None:
    real_home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    for process in _processes(settings):
        for file in process.open_files():
            assert not Path(file.path).is_relative_to(real_home / ".cache"), file.path


# Last: it takes the server down for a while.
def test_killed_engine_is_restarted(server: ModelServer, settings: Settings) -> None:
    before = server.llm()
    engines = [p for p in _processes(settings) if "Engine" in p.name() + " ".join(p.cmdline())]
    assert engines
    os.kill(engines[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + START_S
    while server.llm() is before or server.status.state != "ready":
        assert time.monotonic() < deadline, server.status
        time.sleep(0.5)
    assert _model(server).complete([Message("user", "Say hello.")], max_tokens=4)
