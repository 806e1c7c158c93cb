"""The library: the built-in corpus and the learner's documents, read, embedded and findable.

`Library.retriever()` serves from the first second (BM25 over the built-in corpus) and becomes
hybrid when the index is built. Reading a document and putting it into the index is resumable:
content decides what is done already, and a manifest row is written last.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corpus.papers import load_papers
from tutor.errors import ModelError, NetworkError, NotFoundError, TutorError
from tutor.ingest.arxiv import parse_arxiv_id, with_fetched_id
from tutor.ingest.corpus import corpus_documents, document_chunks
from tutor.ingest.document import Document, list_documents
from tutor.ingest.worker import parse_many
from tutor.library.citations import CitationGraph, Citations, read_citations
from tutor.library.indexing import fill_tokens, put_document
from tutor.library.listings import Listings
from tutor.library.shelf import Shelf
from tutor.library.twins import find_twin
from tutor.retrieve import Retriever
from tutor.settings import Settings
from tutor.summaries import forget_summaries

if TYPE_CHECKING:
    from tutor.index import Index, IndexedDocument
    from tutor.models.embed import Embedder
    from tutor.tokens import TokenStore

logger = logging.getLogger(__name__)
Progress = Callable[[str, float], None]
EMBED_BATCH = 64  # chunks between two reports of progress


@dataclass(frozen=True)
class Ingested:
    """What became of one file; fields as in the command line's contract."""

    path: str
    doc_id: str | None
    pages: int
    sections: int
    chunks: int
    status: Literal["added", "unchanged", "failed"]
    error: str | None
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's contract."""
        return asdict(self)


class Library:
    """Documents by id, and the retriever over all of them.

    Args:
        settings: Where the index and the papers are kept.
        embedder: Makes embeddings when first needed; raises ModelError where none can be had.
    """

    def __init__(self, settings: Settings, embedder: Callable[[], Embedder]) -> None:
        self._settings = settings
        self._load_embedder = embedder
        self.shelf = Shelf(settings)
        self.listings = Listings(settings)
        self._lock = threading.RLock()  # guards the fields below; held for moments
        self._writing = threading.RLock()  # one writer at a time; held while embedding
        self._index: Index | None = None
        self._tokens: TokenStore | None = None
        self._retriever: Retriever | None = None
        self._stamp: dict[str, str] | None = None
        self._graph: CitationGraph | None = None
        self._graph_stamp: dict[str, str] | None = None
        self.ready = False  # the built-in corpus is in the index
        self.built = 0.0  # share of it that is

    # --- reading ------------------------------------------------------------------------------

    def retriever(self) -> Retriever:
        """Search over what is there now; never waits for a model or the index to be built."""
        with self._lock:
            if not self.ready:
                if self._retriever is None:
                    chunks = [chunk for _, chunks in corpus_documents() for chunk in chunks]
                    self._retriever = Retriever(chunks)
                return self._retriever
            index = self._open()
            # Another process may have added documents; a count would miss one replaced by another.
            stamp = {doc_id: row.sha256 for doc_id, row in index.documents().items()}
            if stamp != self._stamp:
                self._retriever = Retriever(
                    list(index.chunks()), index, self._load_embedder(), self._open_tokens()
                )
                self._stamp = stamp
            assert self._retriever is not None
            return self._retriever

    def documents(self) -> list[IndexedDocument]:
        """What the learner added, by title; notes and lessons of the corpus are not listed."""
        rows = self._open().documents().values()
        added = (self.listings.describe(row) for row in rows if row.source != "corpus")
        return sorted(added, key=lambda row: row.title.lower())

    def known_arxiv_ids(self) -> frozenset[str]:
        """arXiv ids that something is known about: a note, or the full text."""
        with self._lock:
            added = {r.arxiv_id for r in self.documents() if r.arxiv_id} if self.ready else set()
        return frozenset(load_papers()) | added

    def document(self, doc_id: str) -> Document:
        """The parsed text of an added document.

        Raises:
            NotFoundError: No document has that id.
        """
        return self.listings.describe(self.shelf.document(doc_id))

    def citations(self, doc_id: str) -> Citations:
        """What a paper cites and what cites it, among added papers and those known by a note.

        Args:
            doc_id: A document's id, an arXiv id or a file's id.
        """
        rows = self.documents()
        stamp = {row.doc_id: row.sha256 for row in rows}
        with self._lock:
            graph = self._graph if self._graph_stamp == stamp else None
        if graph is None:  # takes a second or two at fifty papers: nobody else is to wait for it
            graph = read_citations(rows, lambda name: self.document(name).references)
            with self._lock:
                self._graph, self._graph_stamp = graph, stamp
        return graph.citations(doc_id)

    # --- writing ------------------------------------------------------------------------------

    def sync_corpus(self, progress: Progress | None = None) -> None:
        """Bring lessons and paper notes into the index; only what changed is embedded.

        Raises:
            ModelError: No embedding model can be had.
            StoreError: The index can't be written.
        """
        embedder = self._load_embedder()
        with self._writing:
            index = self._open()
            present = index.documents()
            wanted = list(corpus_documents())
            todo = [
                (document, chunks)
                for document, chunks in wanted
                if (row := present.get(document.doc_id)) is None
                or (row.source == "corpus" and row.sha256 != document.sha256)
            ]
            total = sum(len(chunks) for _, chunks in todo) or 1
            done = 0
            for document, chunks in todo:
                put_document(index, self._open_tokens(), embedder, document, chunks, "corpus")
                done += len(chunks)
                self.built = done / total
                if progress:
                    progress("Indexing lessons and notes", self.built)
            names = {document.doc_id for document, _ in wanted}
            for doc_id, row in present.items():
                if row.source == "corpus" and doc_id not in names:
                    index.remove(doc_id)
                    self._open_tokens().remove(doc_id)
            self.ready = True
            fill_tokens(index, self._open_tokens(), embedder, progress)

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        jobs: int = 1,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[Ingested]:
        """Read files and folders and put them into the index, one result a file, as they finish.

        A file that can't be read or does not exist gives a result with status "failed"; the rest
        goes on.

        Raises:
            ModelError: No embedding model can be had.
        """
        files = list_documents(list(paths))
        embedder = self._load_embedder()
        for number, (path, outcome) in enumerate(parse_many(files, jobs=jobs, cancel=cancel)):
            if progress:
                progress(f"Reading {path.name}", number / len(files))
            if isinstance(outcome, TutorError):
                yield Ingested(str(path), None, 0, 0, 0, "failed", str(outcome))
                continue
            try:
                yield self._store(path, outcome, embedder)
            except TutorError as error:
                yield Ingested(str(path), outcome.doc_id, 0, 0, 0, "failed", str(error))
        if progress:
            progress("Done", 1.0)

    def _store(self, path: Path, document: Document, embedder: Embedder) -> Ingested:
        document = self.listings.describe(with_fetched_id(document, path, self._settings))
        with self._writing:
            index = self._open()
            rows = {name: self.listings.describe(row) for name, row in index.documents().items()}
            twin = find_twin(document, rows.values())
            if twin is not None and twin.arxiv_id and not document.arxiv_id:
                # The edition on arXiv stays: notes, topics and other papers refer to its id.
                return Ingested(
                    str(path), twin.doc_id, twin.pages, twin.sections, twin.chunks, "unchanged",
                    None, twin.title,
                )  # fmt: skip
            row = rows.get(document.doc_id)
            unchanged = row is not None and row.sha256 == document.sha256 and row.source != "corpus"
            if row is None or not unchanged:
                chunks = document_chunks(document)
                if not chunks:
                    error = f"{path.name} holds no text that can be searched."
                    return Ingested(str(path), document.doc_id, 0, 0, 0, "failed", error)
                self.shelf.keep(path, document)
                row = put_document(
                    index, self._open_tokens(), embedder, document, chunks, path.name
                )
            if twin is not None:
                self.remove(twin.doc_id)
        status: Literal["added", "unchanged"] = "unchanged" if unchanged else "added"
        return Ingested(
            str(path), row.doc_id, row.pages, row.sections, row.chunks, status, None, row.title
        )

    def remove(self, name: str) -> str:
        """Remove an added document by its id, arXiv id or file id; returns the document's id.

        Raises:
            NotFoundError: No added document has that name.
        """
        arxiv_id = parse_arxiv_id(name)
        wanted = {name, f"arxiv:{arxiv_id}", f"file:{name}"}
        with self._writing:
            rows = (row for row in self.documents() if row.doc_id in wanted)
            found, sha256 = next(((row.doc_id, row.sha256) for row in rows), (None, ""))
            if found is None:
                raise NotFoundError(
                    f"There is no document {name} in the library.",
                    "'tutor papers list' shows what is there.",
                )
            self._open().remove(found)
            self._open_tokens().remove(found)
            self.shelf.remove(found)
            forget_summaries(self._settings, sha256)
            if found.removeprefix("arxiv:") in load_papers():
                self.sync_corpus()  # the note comes back
            return found

    def prepare(self, progress: Progress | None = None) -> bool:
        """Make the index ready if an embedding model can be had; False means BM25 alone."""
        if self.ready:
            return True
        try:
            self.sync_corpus(progress)
        except (ModelError, NetworkError) as error:
            logger.warning("No embeddings: %s", error)
            return False
        return True

    def _open(self) -> Index:
        with self._lock:
            if self._index is None:
                from tutor.index import Index
                from tutor.models.embed import embedding_name

                self._index = Index(self._settings, embedding_name())
            return self._index

    def _open_tokens(self) -> TokenStore:
        with self._lock:
            if self._tokens is None:
                from tutor.tokens import TokenStore

                self._tokens = TokenStore(self._settings, self._open().name)
            return self._tokens
