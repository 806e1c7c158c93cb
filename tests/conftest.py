"""Fixtures for every test: a temporary home, no network beyond loopback, fakes for the models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeEmbedder

from tutor.settings import Settings

if TYPE_CHECKING:
    pass

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that need arXiv itself out, unless -m asks for them."""
    if "live" not in config.option.markexpr:
        left_out = [item for item in items if "live" in item.keywords]
        items[:] = [item for item in items if "live" not in item.keywords]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Turn skips into failures where the option says so; deselected live tests are no skips."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.option.fail_on_skip:
        report.outcome = "failed"
        report.longrepr = f"skipped, though CI should run it: {report.longrepr}"
    return report
