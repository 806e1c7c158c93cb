"""Vectors of texts that are measured on, kept below TUTOR_HOME/cache/eval.

A second run is quick, and one that was stopped goes on where it was: a CPU takes up to an hour for
11,000 passages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.report import Context
from tutor.ingest.document import Chunk
from tutor.retrieve import STOP_WORDS, embedding_text
from tutor.tokens import TokenStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder

BATCH = 256


class MatrixIndex:
    """Exact dense search over vectors in memory; stands for the index of Chroma."""

    def __init__(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._ids = list(ids)
        self._rows = dict(zip(ids, vectors, strict=True))
        self._vectors = vectors

    def query(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """The nearest rows as (id, cosine), best first."""
        import numpy as np

        scores = self._vectors @ vector
        return [(self._ids[i], float(scores[i])) for i in np.argsort(-scores)[:k]]

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Rows by id."""
        return {key: self._rows[key] for key in ids if key in self._rows}


def embed_chunks(
    context: Context, name: str, chunks: Sequence[Chunk], embedder: Embedder
) -> tuple[MatrixIndex, TokenStore]:
    """Vectors and token vectors of the chunks, from the cache where they are there."""
    import numpy as np

    texts = [embedding_text(chunk) for chunk in chunks]
    path = _cached(context, name, texts, embedder)
    settings = context.tutor.settings
    store = TokenStore(settings.model_copy(update={"home": path.parent}), path.stem)
    if not path.exists():
        # A part at a time: what was embedded before a run was stopped is not embedded again.
        parts = []
        for start in range(0, len(chunks), BATCH):
            part = path.with_name(f"{path.stem}-{start}.npy")
            if not part.exists():
                vectors, tokens = embedder.embed_tokens(texts[start : start + BATCH], STOP_WORDS)
                store.add(f"{start}", [c.id for c in chunks[start : start + BATCH]], tokens)
                _save(part, vectors)
            parts.append(part)
        _save(path, np.concatenate([np.load(part) for part in parts]))
        for part in parts:
            part.unlink()
    return MatrixIndex([chunk.id for chunk in chunks], np.load(path)), store


def embed_texts(
    context: Context, name: str, texts: Sequence[str], embedder: Embedder
) -> NDArray[np.float32]:
    """Vectors [len(texts), dimension], from the cache where they are there."""
    import numpy as np

    path = _cached(context, name, texts, embedder)
    if not path.exists():
        _save(path, embedder.embed(texts))
    vectors: NDArray[np.float32] = np.load(path)
    return vectors


def _cached(context: Context, name: str, texts: Sequence[str], embedder: Embedder) -> Path:
    digest = hashlib.sha256("\x1f".join((embedder.name, *texts)).encode()).hexdigest()[:12]
    return context.tutor.settings.folder("cache", "eval") / f"{name.lower()}-{digest}.npy"


def _save(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write the file whole or not at all."""
    import numpy as np

    unfinished = path.with_name(f"{path.stem}.unfinished.npy")
    np.save(unfinished, vectors)
    unfinished.replace(path)
