"""BM25 over the chunks in memory, and how much of a query a text covers."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tutor.retrieve.words import stems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Robertson and Zaragoza (2009), section 3.4. Set on the development questions and on half of the
# papers at a time; see docs/retrieval.md.
K1, B = 0.9, 0.4


class WordIndex:
    """Texts by position, searched by their stems.

    Args:
        texts: One a chunk; read once, not kept.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        import bm25s
        import numpy as np

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import turns debugging on
        # Numbers instead of strings: 200,000 chunks fit into 200 MB.
        vocabulary: dict[str, int] = {}
        documents = [
            [vocabulary.setdefault(stem, len(vocabulary)) for stem in stems(text)] for text in texts
        ]
        self.size = len(documents)
        frequency = np.zeros(len(vocabulary), dtype=np.int64)
        for document in documents:
            frequency[list(set(document))] += 1
        idf = np.log(1 + (self.size - frequency + 0.5) / (frequency + 0.5))
        self._idf = {stem: float(idf[i]) for stem, i in vocabulary.items()}
        self._unknown_idf = float(np.log(1 + (self.size + 0.5) / 0.5))
        self._bm25 = bm25s.BM25(k1=K1, b=B) if vocabulary else None
        if self._bm25 is not None:
            self._bm25.index((documents, vocabulary), show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """BM25 of every text, float32 [size]; 0 where it shares no word with the query."""
        import numpy as np

        found = [stem for stem in stems(query) if stem in self._idf]
        if self._bm25 is None or not found:
            return np.zeros(self.size, dtype=np.float32)
        return np.asarray(self._bm25.get_scores(found), dtype=np.float32)

    def coverage(self, query: str, texts: Iterable[Iterable[str]]) -> float:
        """The largest share of the query's stems, weighed by IDF, that one text holds.

        Args:
            texts: Each as its stems.
        """
        wanted = set(stems(query))
        total = sum(self._idf.get(stem, self._unknown_idf) for stem in wanted)
        if not total:
            return 0.0
        found = (sum(self._idf.get(s, 0.0) for s in wanted.intersection(text)) for text in texts)
        return max(found, default=0.0) / total
