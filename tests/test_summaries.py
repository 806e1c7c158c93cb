"""Summaries that were made before: there at once, never of another document, model or prompt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeLLM
from tiny_corpus import a_document, tiny_tutor

from tutor import restate, summarize
from tutor import summaries as module
from tutor.app import Tutor
from tutor.errors import ServerError
from tutor.ingest.document import sha256_hex
from tutor.settings import Settings
from tutor.summaries import SummaryCache, forget_summaries

FOXES = (
    "We propose the Foxformer, a network that attends to tracks of foxes in the snow. "
    "It reaches 28.4 points on the Forest benchmark. A limitation is that it needs fresh snow."
)
SUMMARY = summarize.summarize(a_document("file:fox", FOXES), None)
GIST = json.dumps({"points": [{"sentence": 1, "text": FOXES.partition(". ")[0] + "."}]})


def a_cache(settings: Settings, model: str = "m", embedding: str = "e") -> SummaryCache:
    return SummaryCache(settings, model, embedding)


def test_what_was_saved_is_there_as_it_was(settings: Settings) -> None:
    a_cache(settings).save("a" * 64, SUMMARY)
    assert a_cache(settings).load("a" * 64) == SUMMARY
    assert a_cache(settings).load("b" * 64) is None


def test_another_model_or_embedding_misses(settings: Settings) -> None:
    a_cache(settings).save("a" * 64, SUMMARY)
    assert a_cache(settings, model="other").load("a" * 64) is None
    assert a_cache(settings, embedding="").load("a" * 64) is None


@pytest.mark.parametrize("prompt", ["RESTATE_SYSTEM", "RESTATE_USER", "TLDR_USER"])
def test_changed_prompt_misses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    a_cache(settings).save("a" * 64, SUMMARY)
    monkeypatch.setattr(restate, prompt, "Say it otherwise.")
    assert a_cache(settings).load("a" * 64) is None


def test_changed_lesson_or_code_misses(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    a_cache(settings).save("a" * 64, SUMMARY)
    monkeypatch.setattr(module, "_makers", lambda: "changed")
    assert a_cache(settings).load("a" * 64) is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"doc_id": 3}', "\x00"])
def test_damaged_file_is_made_again(settings: Settings, content: str) -> None:
    cache = a_cache(settings)
    cache.save("a" * 64, SUMMARY)
    [path] = (settings.home / "cache" / "summaries").iterdir()
    path.write_text(content)
    assert cache.load("a" * 64) is None
    cache.save("a" * 64, SUMMARY)
    assert cache.load("a" * 64) == SUMMARY


def test_oldest_go_where_there_are_too_many(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    for letter in "abc":
        a_cache(settings).save(letter * 64, SUMMARY)
    assert len(list((settings.home / "cache" / "summaries").iterdir())) == 2


def test_summaries_of_one_document_are_forgotten(settings: Settings) -> None:
    for letter in "ab":
        a_cache(settings).save(letter * 64, SUMMARY)
    forget_summaries(settings, "a" * 64)
    assert a_cache(settings).load("a" * 64) is None
    assert a_cache(settings).load("b" * 64) == SUMMARY


def test_folder_that_can_not_be_written_costs_the_cache_alone(settings: Settings) -> None:
    settings.folder("cache")
    (settings.home / "cache" / "summaries").write_text("a file stands in the way")
    cache = a_cache(settings)
    cache.save("a" * 64, SUMMARY)
    assert cache.load("a" * 64) is None


# --- as the Tutor uses them -------------------------------------------------------------------


@pytest.fixture
def fox(tmp_path: Path) -> Path:
    path = tmp_path / "fox.pdf"
    path.write_bytes(FOXES.encode())
    return path


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were parsed."""
    files: list[Path] = []

    def parse(path: Path, **_: Any) -> Any:
        files.append(path)
        return replace(a_document(text=FOXES), sha256=sha256_hex(path.read_bytes()))

    monkeypatch.setattr("tutor.ingest.worker.parse", parse)
    return files


@pytest.fixture
def tutor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tutor:
    return tiny_tutor(settings, monkeypatch)


def test_second_request_neither_parses_nor_asks_the_model(
    tutor: Tutor, fox: Path, parsed: list[Path]
) -> None:
    tutor.use_model, tutor._fixed_llm = True, FakeLLM(*[GIST] * 5)
    first = tutor.summarize(fox)
    assert first.model == "fake-model" and parsed == [fox]
    assert tutor.summarize(fox) == first, "the fake model has no reply left"
    assert parsed == [fox]


def test_changed_file_is_summarised_anew(tutor: Tutor, fox: Path, parsed: list[Path]) -> None:
    tutor.summarize(fox)
    fox.write_bytes(b"Other foxes.")
    tutor.summarize(fox)
    assert len(parsed) == 2


def test_fresh_summary_is_made_all_the_same(tutor: Tutor, fox: Path, parsed: list[Path]) -> None:
    tutor.summarize(fox)
    tutor.summarize(fox, fresh=True)
    assert len(parsed) == 2


def test_summary_without_the_help_of_its_model_is_tried_again(
    tutor: Tutor, fox: Path, parsed: list[Path]
) -> None:
    away = ServerError("The model server went away.")
    tutor.use_model, tutor._fixed_llm = True, FakeLLM(*[away] * 5)
    assert tutor.summarize(fox).model == summarize.NO_MODEL
    tutor._fixed_llm = FakeLLM(*[GIST] * 5)
    assert tutor.summarize(fox).model == "fake-model"
