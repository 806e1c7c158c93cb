"""The library: findable from the first second, resumable, and never half of anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder
from tiny_corpus import LESSONS, NOTES, a_document, tiny_documents

from tutor.errors import DocumentError, ModelError, NotFoundError, StoreError
from tutor.index import Index
from tutor.ingest.document import Document
from tutor.library import Library
from tutor.library import library as module
from tutor.library.shelf import load_document, save_document
from tutor.settings import Settings

FOX = "Foxes attend to tracks in the snow. The quick fox reads every track twice."


class CountingEmbedder(FakeEmbedder):
    """Counts the texts that it embedded."""

    def __init__(self) -> None:
        self.texts = 0

    def embed(self, texts: Any) -> Any:
        self.texts += len(texts)
        return super().embed(texts)


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def library(
    settings: Settings, embedder: CountingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> Library:
    monkeypatch.setattr(module, "corpus_documents", tiny_documents)
    monkeypatch.setattr(module, "parse_many", parse_here)
    return Library(settings, lambda: embedder)


def parse_here(files: list[Path], **_: Any) -> Iterator[tuple[Path, Any]]:
    """`parse_many` without processes: text becomes a document, a file named bad an error."""
    for path in files:
        if path.stem == "bad":
            yield path, DocumentError("It is broken.", "Mend it.")
            continue
        text = path.read_text("utf-8")
        doc_id = text.split()[0] if text.startswith("arxiv:") else f"file:{path.stem}"
        arxiv_id = doc_id.removeprefix("arxiv:") if doc_id.startswith("arxiv:") else None
        document = a_document(doc_id, text, arxiv_id=arxiv_id, sha256=str(hash(text)))
        yield path, document if text.strip() else replace(document, sections=())


def write(folder: Path, name: str, text: str = FOX) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def ids(library: Library, query: str, **filters: Any) -> list[str]:
    return [p.doc_id for p in library.retriever().search(query, **filters).passages]


# --- the built-in corpus ----------------------------------------------------------------------


def test_search_works_before_any_index_is_built(library: Library, home: Path) -> None:
    assert "lesson:self-attention" in ids(library, "self-attention queries and keys")
    assert not (home / "index").exists(), "a first search must not wait for the index"


def test_sync_embeds_once_and_only_what_changed(
    library: Library, embedder: CountingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[float] = []
    library.sync_corpus(lambda _, fraction: steps.append(fraction))
    total = sum(len(chunks) for _, chunks in tiny_documents())
    assert embedder.texts == total and steps[-1] == 1.0 and steps == sorted(steps)
    library.sync_corpus()
    assert embedder.texts == total, "unchanged documents were embedded again"

    [(lesson, chunks), *rest] = tiny_documents()
    changed = (replace(lesson, sha256="changed"), chunks[:1])
    monkeypatch.setattr(module, "corpus_documents", lambda: iter([changed, *rest]))
    library.sync_corpus()
    assert embedder.texts == total + 1, "one changed document of one chunk was to be embedded"


def test_document_that_left_the_corpus_leaves_the_index(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.sync_corpus()
    fewer = list(tiny_documents())[1:]
    monkeypatch.setattr(module, "corpus_documents", lambda: iter(fewer))
    library.sync_corpus()
    assert f"lesson:{LESSONS[0]}" not in library._open().documents()


def test_kill_while_syncing_is_made_up_for(
    library: Library, embedder: CountingEmbedder, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Killed(BaseException):
        pass

    calls = []
    embed = embedder.embed

    def dies(texts: Any) -> Any:
        calls.append(texts)
        if len(calls) == 3:
            raise Killed
        return embed(texts)

    with monkeypatch.context() as patch:
        patch.setattr(embedder, "embed", dies)
        with pytest.raises(Killed):
            library.sync_corpus()
    assert not library.ready
    again = Library(settings, lambda: embedder)
    assert len(again._open().documents()) == 2, "what was done before the kill is kept"
    again.sync_corpus()
    assert len(again._open().documents()) == len(LESSONS) + len(NOTES)
    assert embedder.texts == sum(len(chunks) for _, chunks in tiny_documents())


def test_without_embeddings_prepare_says_no_and_words_serve(settings: Settings) -> None:
    def none() -> Any:
        raise ModelError("There is no model.")

    library = Library(settings, none)
    library._retriever = None
    assert library.prepare() is False and library.ready is False


# --- documents of the learner -----------------------------------------------------------------


def test_ingested_file_is_found_kept_and_listed(library: Library, tmp_path: Path) -> None:
    library.sync_corpus()
    [result] = library.ingest([write(tmp_path, "fox.txt")])
    assert result.to_dict() == {
        "path": str(tmp_path / "fox.txt"), "doc_id": "file:fox", "pages": 1, "sections": 1,
        "chunks": 1, "status": "added", "error": None, "title": "On Foxes",
    }  # fmt: skip
    assert ids(library, "foxes tracks snow")[0] == "file:fox"
    assert [row.doc_id for row in library.documents()] == ["file:fox"], "lessons are not listed"
    assert library.document("file:fox").sections[0].text == FOX
    original = library.shelf.original("file:fox")
    assert original is not None and original.read_text("utf-8") == FOX


def test_same_file_again_is_unchanged_and_not_embedded(
    library: Library, embedder: CountingEmbedder, tmp_path: Path
) -> None:
    path = write(tmp_path, "fox.txt")
    list(library.ingest([path]))
    before = embedder.texts
    [again] = library.ingest([path])
    assert again.status == "unchanged" and again.chunks == 1 and embedder.texts == before


def test_bad_file_does_not_stop_the_others(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "bad.txt")
    write(tmp_path, "empty.txt", " ")
    write(tmp_path, "fox.txt")
    steps: list[str] = []
    results = list(library.ingest([tmp_path], progress=lambda text, _: steps.append(text)))
    assert [(Path(r.path).stem, r.status) for r in results] == [
        ("bad", "failed"), ("empty", "failed"), ("fox", "added"),
    ]  # fmt: skip
    assert results[0].error == "It is broken. Mend it."
    assert "no text" in str(results[1].error)
    assert library.document("file:fox") and steps[-1] == "Done"
    with pytest.raises(NotFoundError):
        library.document("file:empty")


def test_failing_index_gives_a_failed_result(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(Index, "add", fail)
    [result] = library.ingest([write(tmp_path, "fox.txt")])
    assert result.status == "failed" and result.error == "The disk is full."


def test_full_text_of_a_key_paper_keeps_our_note_and_gives_it_back(
    library: Library, tmp_path: Path
) -> None:
    library.sync_corpus()
    path = write(tmp_path, "paper.txt", f"arxiv:{NOTES[0]} {FOX}")
    [result] = library.ingest([path])
    assert result.status == "added" and result.doc_id == f"arxiv:{NOTES[0]}"
    sections = {
        p.section for p in library.retriever().search("foxes BLEU", k=20, paper=NOTES[0]).passages
    }
    assert sections == {"Note", "Body"}
    library.sync_corpus()
    assert library.documents(), "a sync must not overwrite the full text by the note"

    assert library.remove(NOTES[0]) == f"arxiv:{NOTES[0]}"
    assert library.documents() == []
    assert {p.section for p in library.retriever().search("BLEU", paper=NOTES[0]).passages} == {
        "Note"
    }


def test_removed_document_leaves_nothing(library: Library, tmp_path: Path, home: Path) -> None:
    library.sync_corpus()
    list(library.ingest([write(tmp_path, "fox.txt"), write(tmp_path, "plain")]))
    library.retriever()
    assert library.remove("fox") == "file:fox"
    assert library.remove("file:plain") == "file:plain"
    assert "file:fox" not in ids(library, "foxes tracks snow")
    assert list((home / "papers").iterdir()) == [], "a removed document's file is left behind"
    with pytest.raises(NotFoundError, match="file:fox"):
        library.remove("file:fox")


# --- citations --------------------------------------------------------------------------------


def test_citations_join_added_papers_and_notes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library.citations("1706.03762").cited_by == ()
    foxes = an_edition("arxiv:2401.00001", references=(
        "[1] A. Vaswani. Attention is all you need. In NIPS, 2017.",
    ))  # fmt: skip
    hounds = an_edition("file:2", title="Hounds Follow the Tracks of Foxes", references=(
        f"[1] Jane Doe. {TITLE}. 2024.", "[2] Nobody. A paper that is not there. 2001.",
    ))  # fmt: skip
    add(library, foxes, monkeypatch)
    add(library, hounds, monkeypatch)
    found = library.citations("2401.00001")
    assert [paper.title for paper in found.cites] == ["Attention Is All You Need"]
    assert [paper.doc_id for paper in found.cited_by] == ["file:2"]
    assert library.citations("file:2").references == 2
    assert [p.doc_id for p in library.citations("1706.03762").cited_by] == ["arxiv:2401.00001"]
    library.remove("file:2")
    assert library.citations("2401.00001").cited_by == (), "a removed paper still cites"


# --- one paper, several files -----------------------------------------------------------------

TITLE = "Foxes Are Few-Shot Learners of Tracks"


def add(library: Library, document: Document, monkeypatch: pytest.MonkeyPatch) -> Any:
    path = library._settings.folder("uploads") / "given.txt"
    path.write_text("given", "utf-8")
    monkeypatch.setattr(module, "parse_many", lambda *_, **__: iter([(path, document)]))
    [result] = library.ingest([path])
    return result


def an_edition(doc_id: str, title: str = TITLE, **fields: Any) -> Document:
    arxiv_id = doc_id.removeprefix("arxiv:") if doc_id.startswith("arxiv:") else None
    return a_document(doc_id, f"{FOX} {doc_id}", title=title, arxiv_id=arxiv_id, **fields)


def test_file_of_a_paper_that_came_from_arxiv_joins_it(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(library, an_edition("arxiv:2401.00001"), monkeypatch)
    again = add(
        library, an_edition("file:1", title=TITLE.upper(), authors=("Doe, J.",)), monkeypatch
    )
    assert (again.status, again.doc_id) == ("unchanged", "arxiv:2401.00001")
    assert [row.doc_id for row in library.documents()] == ["arxiv:2401.00001"]


@pytest.mark.parametrize("later", ["arxiv:2401.00001", "file:2"])
def test_better_edition_takes_the_place_of_a_file(
    library: Library, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    add(library, an_edition("file:1"), monkeypatch)
    assert add(library, an_edition(later, sha256="2" * 64), monkeypatch).status == "added"
    assert [row.doc_id for row in library.documents()] == [later]
    with pytest.raises(NotFoundError):
        library.document("file:1")


def test_same_doi_is_the_same_paper_whatever_the_title(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(library, an_edition("file:1", doi="10.1000/fox"), monkeypatch)
    add(library, an_edition("file:2", title="Errata", doi="10.1000/fox"), monkeypatch)
    assert [row.doc_id for row in library.documents()] == ["file:2"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (an_edition("arxiv:2401.00001"), an_edition("arxiv:2401.00002")),
        (an_edition("file:1"), an_edition("file:2", authors=("Ann Other",))),
        (an_edition("file:1", title="Notes"), an_edition("file:2", title="Notes")),
        (an_edition("file:1", page_texts=(), authors=()), an_edition("file:2")),
    ],
    ids=["two arXiv ids", "other authors", "a title that is nobody's own", "a text of that title"],
)
def test_different_papers_stay_apart(
    library: Library, monkeypatch: pytest.MonkeyPatch, first: Document, second: Document
) -> None:
    add(library, first, monkeypatch)
    add(library, second, monkeypatch)
    assert len(library.documents()) == 2


def test_only_added_documents_can_be_removed(library: Library) -> None:
    library.sync_corpus()
    for name in ("nothing", "lesson:self-attention", "arxiv:1706.03762", "../x"):
        with pytest.raises(NotFoundError):
            library.remove(name)
    assert len(library._open().documents()) == len(LESSONS) + len(NOTES)


def test_search_notices_a_document_replaced_by_one_of_the_same_size(
    library: Library, settings: Settings, tmp_path: Path
) -> None:
    library.sync_corpus()
    list(library.ingest([write(tmp_path, "fox.txt")]))
    assert "file:fox" in ids(library, "foxes tracks owls mice")
    library.remove("file:fox")
    list(library.ingest([write(tmp_path, "owl.txt", "Owls hunt mice by ear at night.")]))
    found = ids(library, "foxes tracks owls mice")
    assert "file:owl" in found and "file:fox" not in found, "the search serves an old state"


def test_documents_of_another_process_are_noticed(
    library: Library, settings: Settings, embedder: CountingEmbedder, tmp_path: Path
) -> None:
    library.sync_corpus()
    library.retriever()
    list(Library(settings, lambda: embedder).ingest([write(tmp_path, "fox.txt")]))
    assert "file:fox" in ids(library, "foxes tracks snow")


def test_search_during_an_add_does_not_hide_the_document_afterwards(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.sync_corpus()
    index = library._open()
    upsert = index._manifest.upsert

    def search_first(**fields: Any) -> Any:
        assert "file:fox" not in ids(library, "foxes tracks snow"), "half a document was found"
        return upsert(**fields)

    with monkeypatch.context() as patch:
        patch.setattr(index._manifest, "upsert", search_first)
        list(library.ingest([write(tmp_path, "fox.txt")]))
    assert "file:fox" in ids(library, "foxes tracks snow"), "the document stays hidden"


def test_known_ids_are_those_of_notes_and_added_papers(library: Library, tmp_path: Path) -> None:
    assert NOTES[0] in library.known_arxiv_ids() and "2401.00001" not in library.known_arxiv_ids()
    library.sync_corpus()
    list(library.ingest([write(tmp_path, "p.txt", f"arxiv:2401.00001 {FOX}")]))
    assert "2401.00001" in library.known_arxiv_ids()


# --- stored documents -------------------------------------------------------------------------


def test_document_survives_its_file(tmp_path: Path) -> None:
    document = a_document(text="Über $x$ 🦊", references=("[1] A",))
    save_document(document, tmp_path / "a.json")
    assert load_document(tmp_path / "a.json") == document
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"], "a partial file is left"


@pytest.mark.parametrize(
    "content", ["", "{", "null", "[]", "{}", '"x"', '{"sections": 3}', '{"sections": [{}]}', "\xff"]
)
def test_damaged_document_is_a_store_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, "latin-1")
    with pytest.raises(StoreError, match="damaged"):
        load_document(path)


@pytest.mark.parametrize("doc_id", ["../../etc/passwd", "..", "/etc/passwd", "a/b", "", "x" * 500])
def test_id_never_leaves_the_papers_folder(library: Library, home: Path, doc_id: str) -> None:
    with pytest.raises(NotFoundError):
        library.document(doc_id)
    assert library.shelf.parsed_path(doc_id).resolve().parent == (home / "papers").resolve()
    assert library.shelf.original(doc_id) is None


def test_disk_that_fails_is_a_store_error_and_indexes_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    [result] = library.ingest([write(tmp_path, "fox.txt")])
    assert result.status == "failed" and "No space left" in str(result.error)
    assert library.documents() == []


def test_two_threads_that_ingest_the_same_file_add_it_once(
    library: Library, tmp_path: Path
) -> None:
    path = write(tmp_path, "fox.txt")
    outcomes: list[str] = []

    def work() -> None:
        outcomes.extend(result.status for result in library.ingest([path]))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", "unchanged"] and library._open().count() == 1


def test_parsed_documents_are_documents(library: Library, tmp_path: Path) -> None:
    list(library.ingest([write(tmp_path, "fox.txt")]))
    assert isinstance(library.document("file:fox"), Document)


def test_token_vectors_come_and_go_with_their_document(library: Library, tmp_path: Path) -> None:
    library.sync_corpus()
    chunks = {doc_id: row.chunks for doc_id, row in library._open().documents().items()}
    assert library._open_tokens().counts() == chunks
    [added] = list(library.ingest([write(tmp_path, "fox.txt")]))
    assert added.doc_id is not None and library._open_tokens().counts()[added.doc_id] == 1
    library.remove(added.doc_id)
    assert library._open_tokens().counts() == chunks


def test_missing_token_vectors_are_made_again(library: Library, embedder: CountingEmbedder) -> None:
    library.sync_corpus()
    store, total = library._open_tokens(), embedder.texts
    lost = next(iter(store.counts()))
    store.remove(lost)
    library.sync_corpus()
    rows = library._open().documents()
    assert store.counts() == {doc_id: row.chunks for doc_id, row in rows.items()}
    assert embedder.texts == total + rows[lost].chunks, "more than what was lost was embedded"
