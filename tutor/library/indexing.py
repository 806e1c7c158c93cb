"""Putting documents into the index: their chunks' vectors, and those of their tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tutor.ingest.document import Chunk, Document
from tutor.retrieve import STOP_WORDS, embedding_text

if TYPE_CHECKING:
    from tutor.index import Index, IndexedDocument
    from tutor.models.embed import Embedder
    from tutor.tokens import TokenStore


def put_document(
    index: Index,
    store: TokenStore,
    embedder: Embedder,
    document: Document,
    chunks: list[Chunk],
    source: str,
) -> IndexedDocument:
    """Embed a document's chunks and put them in; its manifest row comes last of all."""
    texts = [embedding_text(chunk) for chunk in chunks]
    vectors, tokens = embedder.embed_tokens(texts, STOP_WORDS)
    store.add(document.doc_id, [chunk.id for chunk in chunks], tokens)
    return index.add(document, chunks, vectors, source)


def fill_tokens(
    index: Index,
    store: TokenStore,
    embedder: Embedder,
    progress: Callable[[str, float], None] | None,
) -> None:
    """Make the token vectors that are missing: of an older index, or of a shared one."""
    there = store.counts()
    todo = [row for row in index.documents().values() if there.get(row.doc_id) != row.chunks]
    for done, row in enumerate(todo, start=1):
        chunks = index.chunks_of(row.doc_id)
        _, tokens = embedder.embed_tokens([embedding_text(c) for c in chunks], STOP_WORDS)
        store.add(row.doc_id, [chunk.id for chunk in chunks], tokens)
        if progress:
            progress("Preparing the ranking", done / len(todo))
