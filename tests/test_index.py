"""The index in a real Chroma: whole documents or nothing, whatever moment a process dies at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder
from tiny_corpus import a_document

from tutor import index as module
from tutor.errors import ConfigError, StoreError
from tutor.index import Index, index_name
from tutor.ingest.chunk import chunk_document
from tutor.ingest.document import Document
from tutor.retrieve import Retriever, embedding_text
from tutor.settings import Settings

EMBEDDER = FakeEmbedder()


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("index"), offline=True)


@pytest.fixture
def index(where: Settings) -> Iterator[Index]:
    """An empty index; Chroma itself is opened once for the module."""
    opened = Index(where, "fake")
    yield opened
    for doc_id in ("file:a", "file:b", "arxiv:1706.03762"):
        opened.remove(doc_id)


def put(index: Index, document: Document, source: str = "a.pdf", **options: Any) -> None:
    chunks = chunk_document(document, **options)
    index.add(document, chunks, EMBEDDER.embed([embedding_text(c) for c in chunks]), source)


def findable(index: Index, query: str) -> list[str]:
    """Documents that a search finds, as the library searches."""
    retriever = Retriever(list(index.chunks()), index, EMBEDDER)
    return [passage.doc_id for passage in retriever.search(query).passages]


def test_document_is_found_with_all_that_was_said_of_it(index: Index) -> None:
    document = a_document("arxiv:1706.03762", arxiv_id="1706.03762")
    put(index, document, stage=3, topics=("self-attention", "key-papers"))
    [row] = index.documents().values()
    assert (row.doc_id, row.authors, row.year, row.pages, row.sections, row.chunks, row.source) == (
        "arxiv:1706.03762", ("Jane Doe",), 2020, 1, 1, 1, "a.pdf",
    )  # fmt: skip
    assert list(index.chunks()) == chunk_document(
        document, stage=3, topics=("self-attention", "key-papers")
    ), "a chunk does not come back as it went in"


def test_absent_values_come_back_as_none(index: Index) -> None:
    put(index, a_document("file:a", year=None, authors=(), page_texts=()))
    [row] = index.documents().values()
    [chunk] = index.chunks()
    assert row.year is None and row.authors == () and row.arxiv_id is None
    assert chunk.stage is None and chunk.topics == ()


def test_query_gives_cosine_best_first(index: Index) -> None:
    put(index, a_document("file:a", "red foxes run"))
    put(index, a_document("file:b", "blue whales swim"))
    [vector] = EMBEDDER.embed(["On Foxes > Body\nred foxes run"])
    (first, best), (_, other) = index.query(vector, 5)
    assert first == next(c.id for c in index.chunks() if c.doc_id == "file:a")
    assert best == pytest.approx(1.0, abs=1e-4) and other < best
    near = index.vectors([first, "unknown"])
    assert list(near) == [first] and near[first] @ vector == pytest.approx(1.0, abs=1e-4)
    assert index.vectors([]) == {}


def test_query_of_an_empty_index_is_empty(index: Index) -> None:
    assert index.query(EMBEDDER.embed(["x"])[0], 5) == []


def test_new_version_of_a_document_replaces_the_old(index: Index) -> None:
    put(index, a_document("file:a", "old words here"))
    put(index, a_document("file:a", "new words here", sha256="1" * 64))
    assert [chunk.text for chunk in index.chunks()] == ["new words here"]
    assert index.documents()["file:a"].sha256 == "1" * 64 and index.count() == 1


def test_removal_leaves_nothing_and_may_be_repeated(index: Index) -> None:
    put(index, a_document("file:a"))
    index.remove("file:a")
    index.remove("file:a")
    assert index.documents() == {} and index.count() == 0


def test_adding_twice_changes_nothing(index: Index) -> None:
    for _ in range(2):
        put(index, a_document("file:a"))
    assert index.count() == 1 and len(index.documents()) == 1


def test_more_chunks_than_one_batch_are_all_there(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    text = "\n\n".join(f"Sentence number {n} talks about foxes and owls." * 30 for n in range(5))
    put(index, a_document("file:a", text))
    assert index.documents()["file:a"].chunks == index.count() == len(list(index.chunks())) > 4
    assert [c.ordinal for c in index.chunks_of("file:a")] == list(range(index.count()))
    assert index.chunks_of("file:b") == []


# --- a kill at any moment ---------------------------------------------------------------------


def kill_at(monkeypatch: pytest.MonkeyPatch, collection: Any, name: str) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(collection, name, die, raising=True)


def test_kill_between_chunks_and_manifest_leaves_nothing_findable(
    index: Index, where: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = a_document("file:a", "secret foxes attend")
    with monkeypatch.context() as patch:
        kill_at(patch, index._manifest, "upsert")
        with pytest.raises(Killed):
            put(index, document)
    again = Index(where, "fake")
    assert again.count() == 1, "the case needs an orphan"
    assert again.documents() == {} and list(again.chunks()) == []
    assert findable(again, "secret foxes") == [], "half a document can be found"
    put(again, document)
    assert findable(again, "secret foxes") == ["file:a"] and again.count() == 1


def test_kill_while_replacing_leaves_no_mixture(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, a_document("file:a", "old foxes attend"))
    with monkeypatch.context() as patch:
        kill_at(patch, index._chunks, "upsert")
        with pytest.raises(Killed):
            put(index, a_document("file:a", "new foxes attend"))
    assert findable(index, "foxes attend") == []


def test_kill_during_removal_leaves_nothing_findable(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, a_document("file:a", "secret foxes attend"))
    with monkeypatch.context() as patch:
        kill_at(patch, index._chunks, "delete")
        with pytest.raises(Killed):
            index.remove("file:a")
    assert index.documents() == {} and findable(index, "secret foxes") == []


def test_kill_leaves_other_documents_alone(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    put(index, a_document("file:b", "whales swim"))
    with monkeypatch.context() as patch:
        kill_at(patch, index._manifest, "upsert")
        with pytest.raises(Killed):
            put(index, a_document("file:a", "foxes attend"))
    assert set(index.documents()) == {"file:b"} and findable(index, "whales foxes") == ["file:b"]


# --- names and errors -------------------------------------------------------------------------


def test_name_changes_with_parser_chunker_and_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {index_name("a"), index_name("b")}
    for version in ("PARSER_VERSION", "CHUNKER_VERSION"):
        with monkeypatch.context() as patch:
            patch.setattr(module, version, 999)
            names.add(index_name("a"))
    assert len(names) == 4, "a setting does not enter the index' name"
    assert index_name("a") == index_name("a")


def test_index_of_other_settings_is_not_seen(index: Index, where: Settings) -> None:
    put(index, a_document("file:a"))
    assert Index(where, "another").documents() == {}


def test_failure_of_chroma_is_a_store_error(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(index._chunks, "upsert", fail)
        with pytest.raises(StoreError, match="written: disk full") as caught:
            put(index, a_document("file:a"))
    assert "TUTOR_HOME" in caught.value.cure


def test_index_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("in the way")
    with pytest.raises((StoreError, ConfigError)):
        Index(Settings(home=tmp_path), "fake")


def test_server_that_is_not_there_is_reported() -> None:
    with pytest.raises(StoreError, match="reached") as caught:
        Index(Settings(chroma_url="http://127.0.0.1:9"), "fake")
    assert "TUTOR_CHROMA_URL" in caught.value.cure
