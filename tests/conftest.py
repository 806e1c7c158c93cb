"""Fixtures for every test: a temporary home, no network beyond loopback, fakes for the models."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tutor.settings import Settings

if TYPE_CHECKING:
    from tutor.models.llm import Message

for name in [name for name in os.environ if name.startswith("TUTOR_")]:
    if not name.startswith(("TUTOR_TEST_", "TUTOR_SHARED")):
        del os.environ[name]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A fresh TUTOR_HOME and HOME, so that no test sees another's state or the developer's."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("TUTOR_HOME", str(folder / "tutor"))
    yield folder / "tutor"


@pytest.fixture(autouse=True)
def loopback_only(request: pytest.FixtureRequest) -> Iterator[None]:
    """Block every connection that leaves this machine."""
    import pytest_socket

    if "live" in request.keywords:
        yield
        return
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of a temporary home that never reach for a network."""
    return Settings(home=home, offline=True)


class FakeEmbedder:
    """Hashed bags of words: texts that share words are near, and nothing has to be loaded."""

    name = "fake"
    dimension = 256

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [len(texts), 256], L2-normalised."""
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                digest = hashlib.blake2b(word.strip(".,?!").encode(), digest_size=4).digest()
                row[int.from_bytes(digest, "big") % self.dimension] += 1.0
            row /= np.linalg.norm(row) or 1.0
        return rows


class FakeLLM:
    """Replies from a queue; remembers the prompts it was given."""

    name = "fake-model"
    context_length = 4096

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.prompts: list[list[Message]] = []

    def _next(self, messages: Sequence[Message]) -> str:
        self.prompts.append(list(messages))
        assert self.replies, "the fake model was asked more often than it has replies"
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """The next reply, word by word."""
        reply = self._next(messages)
        yield from (word + " " for word in reply.split(" "))

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> str:
        """The next reply."""
        return self._next(messages)

    def structured(
        self, messages: Sequence[Message], schema: Any, *, max_tokens: int, temperature: float = 0.0
    ) -> Any:
        """The next reply, parsed by the schema."""
        return schema.model_validate_json(self._next(messages))

    def count_tokens(self, text: str) -> int:
        """Four characters a token."""
        return len(text) // 4 + 1


@pytest.fixture
def embedder() -> FakeEmbedder:
    """An embedder that needs no model."""
    return FakeEmbedder()


@pytest.fixture
def shared() -> Path:
    """The optional folder with real papers and data; tests that need it are skipped without."""
    folder = os.environ.get("TUTOR_SHARED", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TUTOR_SHARED names no folder with papers and data")
    return Path(folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fail-on-skip`: CI has everything, so a skip there is a gap."""
    parser.addoption("--fail-on-skip", action="store_true", help="count a skipped test as failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Turn skips into failures where the option says so; deselected live tests are no skips."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.option.fail_on_skip:
        report.outcome = "failed"
        report.longrepr = f"skipped, though CI should run it: {report.longrepr}"
    return report
