"""The passages and facts that the tutor really puts before the model, without held-out documents.

Retrieval, opening and choice of facts are the tutor's own. What is embedded is kept on disk: the
same sentences come back for thousands of questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from finetune.data.split import is_held_out
from tutor.excerpt import SOURCES
from tutor.library import Library
from tutor.retrieve import Passage, Retriever

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder


class RememberedEmbedder:
    """An Embedder that computes each text once and keeps the vectors in a file.

    Args:
        inner: Computes what is not known.
        path: An .npz file, read where it exists; `save` writes it.
    """

    def __init__(self, inner: Embedder, path: Path | None = None) -> None:
        self._inner = inner
        self._path = path
        self.name, self.dimension = inner.name, inner.dimension
        self._known: dict[str, NDArray[np.float32]] = {}
        if path is not None and path.exists():
            with np.load(path) as stored:
                if str(stored["name"]) == self.name:
                    self._known = dict(zip(stored["keys"], stored["vectors"], strict=True))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [len(texts), dimension], each of length 1."""
        keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        new = {k: t for k, t in zip(keys, texts, strict=True) if k not in self._known}
        if new:
            vectors = self._inner.embed(list(new.values()))
            self._known.update(zip(new, vectors, strict=True))
        if not keys:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([self._known[key] for key in keys])

    def embed_tokens(
        self, texts: Sequence[str], without: frozenset[str] | None = None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """As the inner embedder does it; token vectors are too many to keep."""
        return self._inner.embed_tokens(texts, without)

    def save(self) -> None:
        """Write what is known, for the next run."""
        if self._path is not None and self._known:
            np.savez(
                self._path,
                name=np.array(self.name),
                keys=np.array(list(self._known)),
                vectors=np.stack(list(self._known.values())),
            )


def training_retriever(
    library: Library, embedder: Embedder | None, held_out: bool = False
) -> Retriever:
    """The library's retriever over the built-in corpus, without the held-out documents.

    Args:
        held_out: Take the held-out documents in, for evaluation.
    """
    full = library.retriever()
    chunks = [
        chunk
        for chunk in full.chunks
        if chunk.doc_id.startswith(("lesson:", "arxiv:"))
        and (held_out or not is_held_out(chunk.doc_id))
    ]
    # The library's own searches over fewer chunks: nothing else has a use for them.
    return Retriever(chunks, full._index, embedder if full.dense else None, full._tokens)


def facts_as_passages(
    facts: Sequence[tuple[int, str]], passages: Sequence[Passage]
) -> list[Passage]:
    """The passages cut down to the facts shown: what a draft can know of them.

    The result keeps the passages' places, so that a support's index is a marker's number less one.
    """
    shown: dict[int, list[str]] = {}
    for i, sentence in facts:
        shown.setdefault(i, []).append(" ".join(sentence.split()))
    return [
        replace(passage, text=" ".join(shown.get(i, [])))
        for i, passage in enumerate(passages[:SOURCES])
    ]
