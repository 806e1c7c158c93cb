"""Query -> passages: BM25 and dense search, fused, filtered, without near-duplicates.

Works with what there is: before the index is built, or where no embedding model can be had, BM25
over the chunks in memory serves alone.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from corpus.roadmap import load_roadmap
from tutor.ingest.document import Chunk

if TYPE_CHECKING:
    import numpy as np

    from tutor.index import Index
    from tutor.models.embed import Embedder

CANDIDATES = 60  # taken from each of the two searches before fusion
DENSE_WEIGHT = 0.5  # convex combination of min-max scaled scores
PER_DOCUMENT = 3  # passages of one document before others get their turn
UNLABELLED = "reading-recent-papers"  # topic of papers that the roadmap does not know
DUPLICATE = 0.8  # Jaccard similarity of word sets above which two passages say the same
BM25_K1, BM25_B = 1.2, 0.75

STOP_WORDS = frozenset(
    "a about an and are as at be been but by can could did do does for from had has have how i"
    " if in into is it its me my no not of on or our should so some such than that the their them"
    " then there these they"
    " this to us use used was we were what when where which who why will with would you your"
    " explain tell describe please define".split()
)


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
    """

    passages: tuple[Passage, ...]
    similarity: float | None
    coverage: float
    timings_ms: dict[str, float]


def words(text: str) -> list[str]:
    """Lower-case words and numbers; hyphens and apostrophes split."""
    return re.findall(r"[^\W_]+", text.lower())


def stems(text: str) -> list[str]:
    """Stems of the content words of a text, by the Snowball stemmer for English."""
    kept = [word for word in words(text) if word not in STOP_WORDS]
    return list(_stemmer().stemWords(kept))


_local = threading.local()


def _stemmer() -> Any:
    # A Snowball stemmer keeps state between calls, so each thread has its own.
    if not hasattr(_local, "stemmer"):
        import Stemmer

        _local.stemmer = Stemmer.Stemmer("english")
    return _local.stemmer


def embedding_text(chunk: Chunk) -> str:
    """What is embedded for a chunk: its place in the document, then its text."""
    return f"{chunk.title} > {chunk.section}\n{chunk.text}"


class Retriever:
    """Searches a set of chunks.

    Args:
        chunks: Everything that can be found.
        index: Dense search over the same chunks, or None for BM25 alone.
        embedder: Embeds queries; goes with `index`.
    """

    def __init__(
        self, chunks: Sequence[Chunk], index: Index | None = None, embedder: Embedder | None = None
    ) -> None:
        import bm25s
        import numpy as np

        self.chunks = list(chunks)
        self._index = index
        self._embedder = embedder
        self._position = {chunk.id: i for i, chunk in enumerate(self.chunks)}
        tokens = [stems(embedding_text(chunk)) for chunk in self.chunks]
        self._vocabulary = [frozenset(document) for document in tokens]
        frequency: dict[str, int] = {}
        for document in self._vocabulary:
            for stem in document:
                frequency[stem] = frequency.get(stem, 0) + 1
        total = len(tokens)
        self._idf = {
            s: float(np.log(1 + (total - n + 0.5) / (n + 0.5))) for s, n in frequency.items()
        }
        self._unknown_idf = float(np.log(1 + (total + 0.5) / 0.5))
        self._bm25 = bm25s.BM25(k1=BM25_K1, b=BM25_B) if any(tokens) else None
        if self._bm25 is not None:
            self._bm25.index(tokens, show_progress=False)

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
        paper: str | None = None,
    ) -> Retrieval:
        """Find the passages nearest to a query.

        Args:
            query: A question or keywords.
            k: How many passages at most.
            kind: "lesson" or "paper".
            stage: Stage number; papers count for the stages of their topics.
            paper: A doc_id, an arXiv id or a file's id.
        """
        import numpy as np

        started = time.perf_counter()
        allowed = np.array(
            [_matches(chunk, kind, stage, paper) for chunk in self.chunks], dtype=bool
        )
        sparse = self._sparse(query) * allowed
        after_sparse = time.perf_counter()
        cosine = self._dense(query, kind, stage, paper)
        cosine = {i: score for i, score in cosine.items() if allowed[i]}
        after_dense = time.perf_counter()
        top = np.argsort(-sparse)[:CANDIDATES]
        candidates = [int(i) for i in top if sparse[i] > 0]
        fused = _fuse({i: float(sparse[i]) for i in candidates}, cosine)
        chosen = self._select(sorted(fused, key=lambda i: -fused[i]), k)
        passages = tuple(self._passage(i, fused[i]) for i in chosen)
        timings = {
            "sparse": (after_sparse - started) * 1e3,
            "dense": (after_dense - after_sparse) * 1e3,
            "total": (time.perf_counter() - started) * 1e3,
        }
        return Retrieval(
            passages,
            max(cosine.values()) if cosine else None,
            self._coverage(query, chosen),
            {name: round(value, 2) for name, value in timings.items()},
        )

    def passages_of(
        self, *, stage: int | None = None, topic: str | None = None, paper: str | None = None
    ) -> list[tuple[str, Passage]]:
        """All passages of a stage, a topic or a paper in reading order, each with its topic."""
        return [
            (topic or (chunk.topics[0] if chunk.topics else UNLABELLED), self._passage(i, 1.0))
            for i, chunk in enumerate(self.chunks)
            if _matches(chunk, None, stage, paper) and (topic is None or topic in chunk.topics)
        ]

    def with_opening(self, retrieval: Retrieval) -> Retrieval:
        """Put the opening of the best lesson beside its passage: it says what the topic is."""
        best = next((p for p in retrieval.passages if p.kind == "lesson"), None)
        if best is None or best not in retrieval.passages[:3]:
            return retrieval
        opening = next(i for i, chunk in enumerate(self.chunks) if chunk.doc_id == best.doc_id)
        passage = self._passage(opening, best.score)
        place = retrieval.passages.index(best)
        others = [p for p in retrieval.passages if p.key not in (passage.key, best.key)]
        pair = [best] if best.key == passage.key else [best, passage]
        return replace(retrieval, passages=(*others[:place], *pair, *others[place:]))

    def _sparse(self, query: str) -> np.ndarray:
        import numpy as np

        tokens = [stem for stem in stems(query) if stem in self._idf]
        if self._bm25 is None or not tokens:
            return np.zeros(len(self.chunks), dtype=np.float32)
        return np.asarray(self._bm25.get_scores(tokens), dtype=np.float32)

    def _dense(
        self, query: str, kind: str | None, stage: int | None, paper: str | None
    ) -> dict[int, float]:
        if self._index is None or self._embedder is None or not query.strip():
            return {}
        where: dict[str, Any] | None = None
        if paper is not None:
            ids = sorted({c.doc_id for c in self.chunks if _matches(c, kind, stage, paper)})
            where = {"doc_id": {"$in": ids or ["-"]}}
        elif kind is not None:
            where = {"kind": kind}
        # A stage is not a filter of Chroma's (papers belong to several): fetch more, filter after.
        wanted = CANDIDATES * (5 if stage is not None else 1)
        vector = self._embedder.embed([query])[0]
        found = self._index.query(vector, wanted, where)
        return {self._position[key]: score for key, score in found if key in self._position}

    def _select(self, ranked: Sequence[int], k: int) -> list[int]:
        """The first k that are no near-duplicates; a document's fourth passage waits for others."""
        chosen: list[int] = []
        waiting: list[int] = []
        count: dict[str, int] = {}
        for i in ranked:
            if len(chosen) == k:
                return chosen
            if any(_jaccard(self._vocabulary[i], self._vocabulary[j]) > DUPLICATE for j in chosen):
                continue
            doc_id = self.chunks[i].doc_id
            count[doc_id] = count.get(doc_id, 0) + 1
            (chosen if count[doc_id] <= PER_DOCUMENT else waiting).append(i)
        return (chosen + waiting)[:k]

    def _coverage(self, query: str, chosen: Sequence[int]) -> float:
        wanted = set(stems(query))
        total = sum(self._idf.get(stem, self._unknown_idf) for stem in wanted)
        if not total:
            return 0.0
        found = (sum(self._idf[s] for s in wanted & self._vocabulary[i]) for i in chosen)
        return max(found, default=0.0) / total

    def _passage(self, i: int, score: float) -> Passage:
        chunk = self.chunks[i]
        return Passage(
            key=f"{chunk.doc_id}#{chunk.id}", kind=chunk.kind, doc_id=chunk.doc_id,
            title=chunk.title, section=chunk.section, page=chunk.page, text=chunk.text,
            score=round(score, 4),
        )  # fmt: skip


def _matches(chunk: Chunk, kind: str | None, stage: int | None, paper: str | None) -> bool:
    if kind is not None and chunk.kind != kind:
        return False
    if paper is not None and paper not in (chunk.doc_id, chunk.doc_id.partition(":")[2]):
        return False
    return stage is None or stage in stages_of(chunk)


def stages_of(chunk: Chunk) -> frozenset[int]:
    """The stages of a chunk's topics: one for a lesson, several for most papers."""
    roadmap = load_roadmap()
    return frozenset(roadmap.stage_of(topic) for topic in chunk.topics)


def _scaled(scores: dict[int, float]) -> dict[int, float]:
    """Min-max scaling; the lowest candidate keeps a little, for it was found after all."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    span = (high - low) or 1.0
    return {i: 0.05 + 0.95 * (score - low) / span for i, score in scores.items()}


def _fuse(sparse: dict[int, float], dense: dict[int, float]) -> dict[int, float]:
    """Convex combination of the two scaled score lists."""
    a, b = _scaled(sparse), _scaled(dense)
    weight = DENSE_WEIGHT if dense else 0.0
    return {i: (1 - weight) * a.get(i, 0.0) + weight * b.get(i, 0.0) for i in a.keys() | b.keys()}


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0
