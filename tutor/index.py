"""Chunks and their embeddings in Chroma: the only module that imports chromadb.

Two collections make an index: one holds the chunks, the other one row a document (the manifest).
Their name hashes parser, chunker and embedding model, so a changed setting never reads a stale
index. A document's manifest row is written last and removed first: a kill at any moment leaves
either the whole document or chunks that nothing refers to and the next `add` overwrites.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tutor.errors import ConfigError, StoreError
from tutor.ingest.chunk import CHUNKER_VERSION
from tutor.ingest.document import PARSER_VERSION, Chunk, Document
from tutor.settings import Settings

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)
BATCH = 2000  # Chroma takes up to 5,461 rows a call


@dataclass(frozen=True)
class IndexedDocument:
    """A manifest row: a document that is in the index with all its chunks."""

    doc_id: str
    kind: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    arxiv_id: str | None
    sha256: str
    pages: int
    sections: int
    chunks: int
    source: str  # "corpus" or the file's name
    doi: str | None = None
    version: int | None = None  # on arXiv


def index_name(embedding: str) -> str:
    """The collection's name for these parser, chunker and embedding settings."""
    settings = f"{PARSER_VERSION}/{CHUNKER_VERSION}/{embedding}"
    return "tutor-" + hashlib.sha256(settings.encode()).hexdigest()[:12]


class Index:
    """Chunks by id, with dense search over their embeddings.

    Args:
        settings: Says where Chroma is: in this process below TUTOR_HOME, or a server.
        embedding: Name of the embedding model, which becomes part of the index' name.

    Raises:
        StoreError: Chroma can't be opened or reached.
    """

    def __init__(self, settings: Settings, embedding: str) -> None:
        self.name = index_name(embedding)
        client = _client(settings)
        with _mapped("opened"):
            options: dict[str, Any] = {"embedding_function": None}
            self._chunks = client.get_or_create_collection(
                self.name, configuration={"hnsw": {"space": "cosine"}}, **options
            )
            self._manifest = client.get_or_create_collection(f"{self.name}-documents", **options)

    def documents(self) -> dict[str, IndexedDocument]:
        """The manifest by document id."""
        with _mapped("read"):
            rows = self._manifest.get(include=["metadatas"])
        documents = {}
        for row in rows["metadatas"] or []:
            fields = json.loads(str(row["row"]))
            fields["authors"] = tuple(fields["authors"])
            documents[fields["doc_id"]] = IndexedDocument(**fields)
        return documents

    def count(self) -> int:
        """How many chunks the index holds, orphans of a killed run included."""
        with _mapped("read"):
            return int(self._chunks.count())

    def add(
        self, document: Document, chunks: Sequence[Chunk], vectors: np.ndarray, source: str
    ) -> IndexedDocument:
        """Put a document in, replacing an earlier version of it.

        Args:
            document: What the chunks come from.
            chunks: At least one.
            vectors: float32 [len(chunks), dimension].
            source: "corpus" or the name of the file.
        """
        self.remove(document.doc_id)
        row = IndexedDocument(
            doc_id=document.doc_id, kind=document.kind, title=document.title,
            authors=document.authors, year=document.year, arxiv_id=document.arxiv_id,
            sha256=document.sha256, pages=len(document.page_texts),
            sections=len(document.sections), chunks=len(chunks), source=source,
            doi=document.doi, version=document.version,
        )  # fmt: skip
        with _mapped("written"):
            for start in range(0, len(chunks), BATCH):
                batch = chunks[start : start + BATCH]
                self._chunks.upsert(
                    ids=[chunk.id for chunk in batch],
                    embeddings=vectors[start : start + BATCH],
                    documents=[chunk.text for chunk in batch],
                    metadatas=[_metadata(chunk) for chunk in batch],
                )
            self._manifest.upsert(
                ids=[document.doc_id],
                embeddings=[[0.0]],
                metadatas=[{"row": json.dumps(asdict(row))}],
            )
        return row

    def remove(self, doc_id: str) -> None:
        """Take a document out; unknown ids are fine."""
        with _mapped("written"):
            self._manifest.delete(ids=[doc_id])
            self._chunks.delete(where={"doc_id": doc_id})

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk of every document in the manifest."""
        known = self.documents()
        offset = 0
        while True:
            with _mapped("read"):
                rows = self._chunks.get(
                    include=["documents", "metadatas"], limit=BATCH, offset=offset
                )
            if not rows["ids"]:
                return
            offset += len(rows["ids"])
            for key, text, metadata in zip(
                rows["ids"], rows["documents"] or [], rows["metadatas"] or [], strict=True
            ):
                if metadata["doc_id"] in known:
                    yield _chunk(key, text, dict(metadata))

    def chunks_of(self, doc_id: str) -> list[Chunk]:
        """A document's chunks in reading order."""
        with _mapped("read"):
            rows = self._chunks.get(where={"doc_id": doc_id}, include=["documents", "metadatas"])
        found = [
            _chunk(key, text, dict(metadata))
            for key, text, metadata in zip(
                rows["ids"], rows["documents"] or [], rows["metadatas"] or [], strict=True
            )
        ]
        return sorted(found, key=lambda chunk: chunk.ordinal)

    def vectors(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors, float32 [dimension], of some chunks by id; unknown ids are left out."""
        import numpy as np

        if not ids:
            return {}
        with _mapped("read"):
            rows = self._chunks.get(ids=list(ids), include=["embeddings"])
        vectors = np.asarray(rows["embeddings"], dtype=np.float32)
        return dict(zip(rows["ids"], vectors, strict=True))

    def query(self, vector: np.ndarray, k: int) -> list[tuple[str, float]]:
        """The nearest chunks as (chunk id, cosine similarity), best first.

        Chroma's filters are no part of it: they cost 133 ms at 50,000 chunks.

        Args:
            vector: float32 [dimension], L2-normalised.
            k: How many at most.
        """
        with _mapped("read"):
            rows = self._chunks.query(query_embeddings=[vector], n_results=k, include=["distances"])
        distances = (rows["distances"] or [[]])[0]
        return [(key, 1.0 - float(d)) for key, d in zip(rows["ids"][0], distances, strict=True)]


def _metadata(chunk: Chunk) -> dict[str, Any]:
    """Chroma's flat metadata; absent values are left out, for it knows no null."""
    fields = {
        "doc_id": chunk.doc_id, "kind": chunk.kind, "title": chunk.title, "section": chunk.section,
        "page": chunk.page, "ordinal": chunk.ordinal, "stage": chunk.stage,
        "topics": ",".join(chunk.topics),
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def _chunk(key: str, text: str, fields: dict[str, Any]) -> Chunk:
    topics = tuple(topic for topic in str(fields.get("topics", "")).split(",") if topic)
    return Chunk(
        id=key, doc_id=fields["doc_id"], kind=fields["kind"], title=fields["title"],
        section=fields["section"], page=fields.get("page"), text=text,
        ordinal=int(fields["ordinal"]), stage=fields.get("stage"), topics=topics,
    )  # fmt: skip


def _client(settings: Settings) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    quiet = ChromaSettings(anonymized_telemetry=False)
    if not settings.chroma_url:
        with _mapped("opened"):
            return chromadb.PersistentClient(path=str(settings.folder("index")), settings=quiet)
    from urllib.parse import urlsplit

    url = urlsplit(settings.chroma_url)
    if not url.hostname:
        raise ConfigError(f"TUTOR_CHROMA_URL names no host: {settings.chroma_url}.")
    secure = url.scheme == "https"
    with _mapped("reached", "Check TUTOR_CHROMA_URL and that the Chroma server runs."):
        return chromadb.HttpClient(
            host=url.hostname,
            port=url.port or (443 if secure else 8000),
            ssl=secure,
            settings=quiet,
        )


class _mapped:
    """Turn whatever Chroma raises into a StoreError."""

    def __init__(self, verb: str, cure: str = "") -> None:
        self.verb = verb
        self.cure = (
            cure or "If this stays, delete the folder index in TUTOR_HOME: it is built again."
        )

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            raise StoreError(f"The index could not be {self.verb}: {error}.", self.cure) from error
