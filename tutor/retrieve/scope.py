"""Which chunks a search may find: by kind, stage, topic, document and kind of section."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from corpus.roadmap import load_roadmap
from tutor.ingest.cues import ROLES, Role
from tutor.ingest.document import Chunk
from tutor.ingest.headings import bare_title

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def stages_of(chunk: Chunk) -> frozenset[int]:
    """The stages of a chunk's topics: one for a lesson, several for most papers."""
    return _stages(chunk.topics)


@lru_cache(maxsize=4096)
def _stages(topics: tuple[str, ...]) -> frozenset[int]:
    roadmap = load_roadmap()
    return frozenset(roadmap.stage_of(topic) for topic in topics)


@lru_cache(maxsize=4096)
def section_kind(section: str) -> Role | None:
    """What a section of this title does in a paper ("method", "results", …), where it says so."""
    bare = bare_title(section)
    return next((role for role, pattern in ROLES.items() if pattern.search(bare)), None)


class Scope:
    """The chunks' properties in arrays, so that a filter costs little at 200,000 chunks."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        import numpy as np

        self.size = len(chunks)
        self._kinds: dict[str, list[int]] = {}
        self._documents: dict[str, list[int]] = {}
        self._stages: dict[int, list[int]] = {}
        self._topics: dict[str, list[int]] = {}
        self._sections: dict[str, list[int]] = {}
        for i, chunk in enumerate(chunks):
            self._kinds.setdefault(chunk.kind, []).append(i)
            self._documents.setdefault(chunk.doc_id, []).append(i)
            for stage in stages_of(chunk):
                self._stages.setdefault(stage, []).append(i)
            for topic in chunk.topics:
                self._topics.setdefault(topic, []).append(i)
            section = section_kind(chunk.section)
            if section is not None:
                self._sections.setdefault(section, []).append(i)
        # "1706.03762" as well as "arxiv:1706.03762" names a document.
        self._short = {doc_id.partition(":")[2]: doc_id for doc_id in self._documents}
        self._none: NDArray[np.bool_] = np.zeros(self.size, dtype=bool)

    def allowed(
        self,
        *,
        kind: str | None = None,
        stage: int | None = None,
        topic: str | None = None,
        paper: str | None = None,
        section: str | None = None,
    ) -> NDArray[np.bool_] | None:
        """A mask over the chunks, bool [size], or None where all may be found."""
        lists: list[list[int]] = []
        if kind is not None:
            lists.append(self._kinds.get(kind, []))
        if stage is not None:
            lists.append(self._stages.get(stage, []))
        if topic is not None:
            lists.append(self._topics.get(topic, []))
        if paper is not None:
            name = paper if paper in self._documents else self._short.get(paper, paper)
            lists.append(self._documents.get(name, []))
        if section is not None:
            lists.append(self._sections.get(section, []))
        if not lists:
            return None
        mask = ~self._none
        for positions in lists:
            one = self._none.copy()
            one[positions] = True
            mask &= one
        return mask

    def of_document(self, doc_id: str) -> Sequence[int]:
        """Positions of a document's chunks."""
        return self._documents.get(doc_id, ())
