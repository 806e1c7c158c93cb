"""Search by meaning over the chunks: nearest vectors, exact cosines, token vectors.

Everything is by position among the retriever's chunks. Without an index, an embedder or token
vectors each answer is empty, and the other searches serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from tutor.ingest.document import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder

EXACT = 2000  # chunks that a filter leaves, below which all of them are compared


class VectorSearch(Protocol):
    """Dense search over the chunks by id; `tutor.index.Index` is one."""

    def query(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """The nearest chunks as (chunk id, cosine similarity), best first."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of some chunks by id; unknown ids are left out."""
        ...


class TokenSource(Protocol):
    """Token vectors by chunk id; `tutor.tokens.TokenStore` is one."""

    def get(self, ids: Sequence[str]) -> dict[str, NDArray[np.int8]]:
        """Vectors [tokens, dimension] by chunk id; unknown ids are left out."""
        ...


class VectorIndex:
    """The vectors of a retriever's chunks, by position.

    Args:
        chunks: Everything that can be found.
        index: Dense search over the same chunks, or None.
        embedder: Embeds queries; goes with `index`.
        tokens: Token vectors of the chunks, or None.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        index: VectorSearch | None,
        embedder: Embedder | None,
        tokens: TokenSource | None,
    ) -> None:
        self._chunks = chunks
        self._index = index
        self._embedder = embedder
        self._tokens = tokens
        self._position = {chunk.id: i for i, chunk in enumerate(chunks)}

    def embedded(self, query: str) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """The query's vector and those of its tokens, where there are embeddings."""
        if self._index is None or self._embedder is None or not query.strip():
            return None, None
        if self._tokens is None:
            return self._embedder.embed([query])[0], None
        vectors, tokens = self._embedder.embed_tokens([query])
        return vectors[0], tokens[0]

    def nearest(
        self, vector: NDArray[np.float32] | None, allowed: NDArray[np.bool_] | None, k: int
    ) -> dict[int, float]:
        """The k chunks nearest to a vector among those allowed, with their similarities."""
        import numpy as np

        if vector is None or self._index is None:
            return {}
        if allowed is None:
            return self._known(self._index.query(vector, k))
        left = np.flatnonzero(allowed)
        if len(left) <= EXACT:
            # Chroma's filters are slow (133 ms at 50,000 chunks), and few chunks need no index.
            near = self.cosines(vector, [int(i) for i in left])
            return dict(sorted(near.items(), key=lambda pair: -pair[1])[:k])
        share = len(left) / len(self._chunks)
        known = self._known(self._index.query(vector, min(int(k / share * 2), 10 * k)))
        return dict([(i, s) for i, s in known.items() if allowed[i]][:k])

    def cosines(
        self, vector: NDArray[np.float32] | None, positions: Sequence[int]
    ) -> dict[int, float]:
        """Similarity of the query to some chunks, whatever the dense search found."""
        if vector is None or self._index is None or not positions:
            return {}
        found = self._index.vectors([self._chunks[i].id for i in positions])
        return {self._position[key]: float(vector @ other) for key, other in found.items()}

    def token_vectors(self, positions: Sequence[int]) -> dict[int, NDArray[np.int8]]:
        """Token vectors by position, or nothing where one of the chunks has none."""
        if self._tokens is None:
            return {}
        found = self._tokens.get([self._chunks[i].id for i in positions])
        if len(found) < len(positions):
            return {}  # the library is still making them; half of a ranking would be unfair
        return {self._position[key]: tokens for key, tokens in found.items()}

    def nearness_to_lessons(self, vector: NDArray[np.float32] | None) -> float | None:
        """Highest similarity of any lesson, found or not."""
        if vector is None or not len(self._lessons):
            return None
        return float((self._lessons @ vector).max())

    @cached_property
    def _lessons(self) -> NDArray[np.float32]:
        """Vectors [chunks, dimension] of the lessons: what this tutor teaches."""
        import numpy as np

        assert self._index is not None
        lessons = [chunk.id for chunk in self._chunks if chunk.kind == "lesson"]
        vectors = list(self._index.vectors(lessons).values())
        return np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)

    def _known(self, found: Sequence[tuple[str, float]]) -> dict[int, float]:
        """By position; a killed ingestion leaves chunks in the index that nothing refers to."""
        return {self._position[key]: score for key, score in found if key in self._position}
