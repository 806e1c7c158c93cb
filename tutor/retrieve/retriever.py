"""Searches chunks: candidates by words and by meaning, fused, reranked, without repetition.

Works with what there is: before the index is built, or where no embedding model can be had, BM25
over the chunks in memory serves alone; without token vectors words and meaning are fused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from tutor.ingest.document import Chunk
from tutor.retrieve.definitions import find_definitions
from tutor.retrieve.dense import TokenSource, VectorIndex, VectorSearch
from tutor.retrieve.fuse import fuse
from tutor.retrieve.rerank import best_part, max_sim
from tutor.retrieve.scope import Scope
from tutor.retrieve.sparse import WordIndex
from tutor.retrieve.words import embedding_text, searched_text, stems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder

CANDIDATES = 60  # taken from each of the two searches before fusion
# Shares of words, meaning and late interaction in a passage's score; within one document meaning
# is half that of the whole passage, half that of its best part. Across documents they were set
# on the development questions of eval/, within one document on QASPER (docs/retrieval.md): there
# every passage is about the same thing, and the vector of a whole passage tells little.
ACROSS = (0.35, 0.35, 0.3)
WITHIN = (0.1, 0.1, 0.8)
PER_DOCUMENT = 3  # passages of one document before others get their turn
UNLABELLED = "reading-recent-papers"  # topic of papers that the roadmap does not know
DUPLICATE = 0.8  # Jaccard similarity of word sets above which two passages say the same


@dataclass(frozen=True)
class Passage:
    """A chunk that a query found.

    Attributes:
        key: The chunk's key, unique in the index; what a citation names.
        page: 1-based, or None where the document has no pages.
        score: 0..1, comparable within one query alone.
    """

    key: str
    kind: str
    doc_id: str
    title: str
    section: str
    page: int | None
    text: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's contract."""
        return asdict(self)


@dataclass(frozen=True)
class Retrieval:
    """What a query found.

    Attributes:
        passages: Best first.
        similarity: Highest cosine similarity of any passage, or None without embeddings.
        coverage: Largest share of the query's content words (by IDF) that one passage holds.
        timings_ms: Milliseconds by step.
        taught: Highest cosine similarity of any lesson, found or not: whether the query is about
            what is taught at all. None without embeddings, and within one paper.
    """

    passages: tuple[Passage, ...]
    similarity: float | None
    coverage: float
    timings_ms: dict[str, float]
    taught: float | None = None


class Retriever:
    """Searches a set of chunks.

    Args:
        chunks: Everything that can be found.
        index: Dense search over the same chunks, or None for BM25 alone.
        embedder: Embeds queries; goes with `index`.
        tokens: Token vectors of the chunks, or None for no reranking.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        index: VectorSearch | None = None,
        embedder: Embedder | None = None,
        tokens: TokenSource | None = None,
    ) -> None:
        self.chunks = list(chunks)
        self._index = index
        self._embedder = embedder
        self._tokens = tokens
        self._vectors = VectorIndex(self.chunks, index, embedder, tokens)
        self._words = WordIndex(searched_text(chunk) for chunk in self.chunks)
        self.scope = Scope(self.chunks)

    @property
    def dense(self) -> bool:
        """Whether embeddings take part."""
        return self._index is not None and self._embedder is not None

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        kind: str | None = None,
        stage: int | None = None,
        topic: str | None = None,
        paper: str | None = None,
        section: str | None = None,
    ) -> Retrieval:
        """Find the passages nearest to a query.

        Args:
            query: A question or keywords.
            k: How many passages at most.
            kind: "lesson" or "paper".
            stage: Stage number; papers count for the stages of their topics.
            topic: A topic's id.
            paper: A doc_id, an arXiv id or a file's id.
            section: What the section does: "method", "results", … (`scope.section_kind`).
        """
        clock = _Clock()
        allowed = self.scope.allowed(
            kind=kind, stage=stage, topic=topic, paper=paper, section=section
        )
        scores = self._words.scores(query)
        found = self._by_words(scores, allowed)
        clock.lap("sparse")
        vector, tokens = self._vectors.embedded(query)
        clock.lap("embed")
        cosine = self._vectors.nearest(vector, allowed, CANDIDATES)
        cosine |= self._vectors.cosines(vector, [i for i in found if i not in cosine])
        clock.lap("dense")
        agreement = self._words.agreement(query, [*{*found, *cosine}])
        sparse = {i: float(scores[i]) + earned for i, earned in agreement.items()}
        meaning, late = cosine, {}
        if tokens is not None:
            read = self._vectors.token_vectors(list(sparse))
            if paper is not None:
                meaning = fuse([(0.5, cosine), (0.5, best_part(tokens, read))])
            late = max_sim(tokens, read)
        shares = ACROSS if paper is None else WITHIN
        ranked = fuse(list(zip(shares, (sparse, meaning, late), strict=True)))
        clock.lap("rerank")
        chosen = self._select(sorted(ranked, key=lambda i: -ranked[i]), k)
        passages = tuple(self.passage(i, ranked[i]) for i in chosen)
        coverage = self._words.coverage(query, (_stem_set(self.chunks[i]) for i in chosen))
        similarity = max(cosine.values()) if cosine else None
        taught = self._vectors.nearness_to_lessons(vector) if paper is None else None
        return Retrieval(passages, similarity, coverage, clock.timings(), taught)

    def passages_of(
        self, *, stage: int | None = None, topic: str | None = None, paper: str | None = None
    ) -> list[tuple[str, Passage]]:
        """All passages of a stage, a topic or a paper in reading order, each with its topic."""
        allowed = self.scope.allowed(stage=stage, topic=topic, paper=paper)
        return [
            (topic or (chunk.topics[0] if chunk.topics else UNLABELLED), self.passage(i, 1.0))
            for i, chunk in enumerate(self.chunks)
            if allowed is None or allowed[i]
        ]

    @cached_property
    def definitions(self) -> dict[tuple[str, ...], int]:
        """Where the chunks introduce a term, by the term."""
        return find_definitions(self.chunks)

    def _by_words(
        self, scores: NDArray[np.float32], allowed: NDArray[np.bool_] | None
    ) -> list[int]:
        import numpy as np

        if allowed is not None:
            scores = scores * allowed
        if len(scores) > CANDIDATES:
            top = np.argpartition(-scores, CANDIDATES)[:CANDIDATES]
        else:
            top = np.arange(len(scores))
        return [int(i) for i in top if scores[i] > 0]

    def _select(self, ranked: Sequence[int], k: int) -> list[int]:
        """The first k that are no near-duplicates; a document's fourth passage waits for others."""
        chosen: list[int] = []
        waiting: list[int] = []
        count: dict[str, int] = {}
        for i in ranked:
            if len(chosen) == k:
                return chosen
            said = _stem_set(self.chunks[i])
            if any(_jaccard(said, _stem_set(self.chunks[j])) > DUPLICATE for j in chosen):
                continue
            doc_id = self.chunks[i].doc_id
            count[doc_id] = count.get(doc_id, 0) + 1
            (chosen if count[doc_id] <= PER_DOCUMENT else waiting).append(i)
        return (chosen + waiting)[:k]

    def passage(self, i: int, score: float) -> Passage:
        """The chunk at a position as a passage."""
        chunk = self.chunks[i]
        return Passage(
            key=f"{chunk.doc_id}#{chunk.id}", kind=chunk.kind, doc_id=chunk.doc_id,
            title=chunk.title, section=chunk.section, page=chunk.page, text=chunk.text,
            score=round(score, 4),
        )  # fmt: skip


class _Clock:
    """Milliseconds between laps, by name, and in all."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = (now - self._last) * 1e3
        self._last = now

    def timings(self) -> dict[str, float]:
        total = (time.perf_counter() - self._started) * 1e3
        return {name: round(ms, 2) for name, ms in (self._laps | {"total": total}).items()}


@lru_cache(maxsize=20_000)
def _stem_set(chunk: Chunk) -> frozenset[str]:
    return frozenset(stems(embedding_text(chunk)))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0
