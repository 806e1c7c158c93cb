"""The report: every figure with its baseline, every guarantee, and what made them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder, FakeLLM

from eval import report
from eval.report import Context, Metric, TaskResult, read_lines, write_report
from tutor.app import Tutor
from tutor.settings import Settings

RESULTS = [
    TaskResult(
        "retrieval",
        (
            Metric("recall", 0.9134, baseline=0.5, baseline_name="BM25"),
            Metric("made-up ids", 0.0, must=0.0, note="of 20"),
            Metric("speed", 1234.0, " ms"),
            Metric("longest option", 0.31, "", 0.25, "chance", at_most=0.3),
            Metric("nothing", None),
        ),
        details=[{"q": "é"}],
    ),
    TaskResult("summaries", (), skipped="no papers"),
]


@pytest.fixture
def context(settings: Settings) -> Context:
    return Context(Tutor(settings), quick=True, shared=None)


def rows(text: str) -> list[list[str]]:
    table = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_markdown_has_a_row_for_each_figure(context: Context, tmp_path: Path) -> None:
    path = write_report(RESULTS, context, tmp_path / "new" / "folder")
    text = path.read_text("utf-8")
    head, *table = rows(text)
    assert path.name == "report.md" and text.startswith("Commit ")
    assert "model none" in text and ", quick," in text
    assert {len(row) for row in table} == {len(head)}, "a row has lost a cell"
    assert table[1:] == [
        ["retrieval", "recall", "0.913", "0.5 (BM25)", ""],
        ["retrieval", "made-up ids", "0", "", "must be 0; of 20"],
        ["retrieval", "speed", "1234 ms", "", ""],
        [
            "retrieval",
            "longest option",
            "0.31",
            "0.25 (chance)",
            "**does not hold**; at most 0.3",
        ],
        ["retrieval", "nothing", "–", "", ""],
        ["summaries", "*left out*", "", "", "no papers"],
    ]


def test_json_keeps_everything_and_what_made_it(context: Context, tmp_path: Path) -> None:
    context.tutor._fixed_llm, context.tutor._embedder = FakeLLM(), FakeEmbedder()
    write_report(RESULTS, context, tmp_path)
    data = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert set(data) == {"about", "tasks"}
    about = data["about"]
    assert about["model"] == "fake-model" and about["embeddings"] is True
    assert about["quick"] is True and about["version"] and about["commit"]
    assert about["data"] and all(len(digest) == 12 for digest in about["data"].values())
    assert data["tasks"][0]["details"] == [{"q": "é"}]
    assert data["tasks"][0]["metrics"][0]["baseline"] == 0.5


@pytest.mark.parametrize(
    ("metrics", "holds"),
    [
        ((), True),
        ((Metric("a", 0.5),), True),
        ((Metric("a", 0.0, must=0.0),), True),
        ((Metric("a", 0.1, must=0.0),), False),
        ((Metric("a", None, must=0.0),), False),
        ((Metric("a", 0.3, at_most=0.3),), True),
        ((Metric("a", 0.31, at_most=0.3),), False),
        ((Metric("a", None, at_most=0.3),), False),
        ((Metric("a", 0.0, must=0.0, at_most=0.3), Metric("b", 1.0, at_most=0.5)), False),
    ],
)
def test_guarantee_holds_or_not(metrics: tuple[Metric, ...], holds: bool) -> None:
    assert TaskResult("t", metrics).holds is holds


def test_lines_are_read_without_blank_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "DATA", tmp_path)
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert list(read_lines("a.jsonl")) == [{"a": 1}, {"a": 2}]


def test_commit_is_unknown_outside_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert report._commit() == "unknown"
