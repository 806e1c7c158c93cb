"""The growth of search: made-up chunks in a real index, a row a size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeEmbedder
from tiny_corpus import tiny_retriever

from eval import scale
from tutor.settings import Settings


@pytest.fixture
def context(tmp_path: Path) -> Any:
    library = SimpleNamespace(retriever=tiny_retriever)
    tutor = SimpleNamespace(
        settings=Settings(home=tmp_path), embedder=FakeEmbedder, library=library
    )
    return SimpleNamespace(tutor=tutor, quick=False)


def test_each_size_is_measured_beside_words_alone(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "SIZES", (60,))
    monkeypatch.setattr(scale, "LIMITS_MS", {60: 60})
    result = scale.run(context)
    [metric] = result.metrics
    assert "60 chunks" in metric.name and metric.value and metric.baseline
    assert "memory" in metric.note and "disk" in metric.note and result.skipped == ""


def test_size_that_does_not_fit_is_left_out(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "SIZES", (200_000,))
    monkeypatch.setitem(scale.NEEDED_GB, 200_000, 1e9)
    result = scale.run(context)
    assert result.metrics == () and "200,000 chunks" in result.skipped
