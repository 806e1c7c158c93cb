"""The growth of search: made-up chunks in a real index, a row a size."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeEmbedder
from tiny_corpus import tiny_retriever

from eval import growth, scale
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
    assert {"memory", "disk", "load"} <= set(metric.note.split()) and result.skipped == ""


def test_size_that_does_not_fit_is_left_out(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "SIZES", (200_000,))
    monkeypatch.setitem(scale.NEEDED_GB, 200_000, 1e9)
    result = scale.run(context)
    assert result.metrics == () and "200,000 chunks" in result.skipped


def test_sizes_share_one_index_that_grows(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "SIZES", (40, 90))
    monkeypatch.setattr(scale, "LIMITS_MS", {40: 60, 90: 60})
    monkeypatch.setattr(scale, "PER_DOCUMENT", 25)
    small, large = scale.run(context).details
    assert (small["chunks"], large["chunks"]) == (40, 90)
    assert small["filled_s"] < large["filled_s"] and small["disk_mb"] <= large["disk_mb"]


def test_growth_is_drawn_from_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [asdict(scale.Growth(size, *(10 * [1.0]))) for size in (1_000, 10_000)]
    report, picture = tmp_path / "report.json", tmp_path / "scale.png"
    monkeypatch.setattr("sys.argv", ["growth", str(report), str(picture)])
    report.write_text(json.dumps({"tasks": [{"task": "scale", "details": rows}]}), "utf-8")
    assert growth.main() == 0 and picture.read_bytes().startswith(b"\x89PNG")
    report.write_text(json.dumps({"tasks": []}), "utf-8")
    assert growth.main() == 1 and "eval.run scale" in capsys.readouterr().err
    report.write_text("not a report", "utf-8")
    assert growth.main() == 1
