"""Parsing in processes of their own."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event

import pytest
from pdf_maker import column, make_pdf

from tutor.errors import DocumentError
from tutor.ingest.worker import Worker, parse, parse_many

TEXT = ["A sentence of a paper that stands on its only page, and is not too short."]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.pdf", "bad.pdf", "c.md")]
    paths[0].write_bytes(make_pdf([column(TEXT)]))
    paths[1].write_bytes(b"<html>")
    paths[2].write_text("# Notes\n\nSome text.\n")
    return paths


def test_parse_gives_what_reading_here_gives(files: list[Path]) -> None:
    from tutor.ingest import read_document

    assert parse(files[0]) == read_document(files[0])


def test_many_files_keep_their_order_and_one_warm_process(files: list[Path]) -> None:
    results = list(parse_many([*files, files[0]], jobs=1))
    assert [path for path, _ in results] == [*files, files[0]]
    assert isinstance(results[1][1], DocumentError)
    assert results[0][1] == results[3][1]


def test_a_worker_survives_bad_files_and_names_their_cure(files: list[Path]) -> None:
    with Worker() as worker:
        worker.parse(files[0])
        process = worker._process
        with pytest.raises(DocumentError, match="not a PDF") as caught:
            worker.parse(files[1])
        assert "Download" in caught.value.cure
        worker.parse(files[2])
        assert worker._process is process


def test_timeout_kills_and_the_next_file_gets_a_new_process(files: list[Path]) -> None:
    with Worker() as worker:
        with pytest.raises(DocumentError, match="took longer"):
            worker.parse(files[0], timeout_s=0.0)
        assert worker._process is None
        assert worker.parse(files[2]).title == "Notes"


def test_cancelling_stops_at_once(files: list[Path]) -> None:
    cancel = Event()
    cancel.set()
    start = time.monotonic()
    with pytest.raises(DocumentError, match="cancelled"):
        parse(files[0], cancel=cancel)
    assert time.monotonic() - start < 2


def test_memory_limit_holds(files: list[Path]) -> None:
    with pytest.raises(DocumentError, match="memory|can't be parsed"):
        parse(files[0], memory_mb=40)


def test_abandoning_the_results_stops_the_workers(files: list[Path]) -> None:
    results = parse_many(files, jobs=2)
    next(results)
    results.close()  # type: ignore[attr-defined]


def test_no_files_give_no_results() -> None:
    assert list(parse_many([])) == []


def test_every_awkward_pdf_gives_text_or_says_why_not(shared: Path) -> None:
    files = sorted((shared / "data" / "pdf_samples").rglob("*.pdf"))
    assert files
    with Worker(memory_mb=1024) as worker:
        for path in files:
            try:
                document = worker.parse(path, timeout_s=10.0)
            except DocumentError as error:
                assert error.cure and path.name in error.message
                assert "took longer" not in error.message and "crashed" not in error.message
            else:
                assert any(char.isalpha() for text in document.page_texts for char in text), path
