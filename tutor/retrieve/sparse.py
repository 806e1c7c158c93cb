"""BM25 over the chunks in memory, what else agrees in words, how much of a query a text covers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tutor.retrieve.words import stems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Robertson and Zaragoza (2009), section 3.4. Set on the development questions and on half of the
# papers at a time; see docs/retrieval.md.
K1, B = 0.9, 0.4
HELD, PAIRS = 2.0, 0.5  # weights of `agreement` beside BM25
WINDOW = 6  # content words within which two words of the query stand near each other
_GAP = -1  # no stem's number: between two texts


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
        self._starts = np.cumsum([0, *map(len, documents)])
        self._stems = np.fromiter((n for d in documents for n in d), np.int32, self._starts[-1])
        self._numbers = vocabulary
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

    def agreement(self, query: str, texts: Sequence[int]) -> dict[int, float]:
        """What BM25 leaves out of how these texts agree with the query, by position.

        HELD times the IDF of the query's words that the text holds, each counted once: BM25 lets
        one word that stands there often make up for others that are missing. And PAIRS times what
        the query's neighbouring words earn by standing together: of two content words that follow
        one another in the query the smaller IDF where they do so in the text, half of it where
        they stand within WINDOW words in any order (the ordered and unordered windows of Metzler
        and Croft, 2005, each counted once).
        """
        import numpy as np

        wanted = list(dict.fromkeys(stem for stem in stems(query) if stem in self._idf))
        earned = np.zeros(len(texts))
        if not wanted or not len(texts):
            return dict(zip(texts, earned.tolist(), strict=True))
        gap = np.full(WINDOW, _GAP, dtype=np.int32)  # no window reaches over it
        parts = [p for i in texts for p in (self._stems[slice(*self._starts[i : i + 2])], gap)]
        read = np.concatenate(parts)
        ends = np.cumsum([len(part) for part in parts])[1::2]
        places = {stem: np.flatnonzero(read == self._numbers[stem]) for stem in wanted}
        for stem, there in places.items():
            holding = np.unique(np.searchsorted(ends, there, side="right"))
            earned[holding] += HELD * self._idf[stem]
        for one, two in pairwise(wanted):
            first, second = places[one], places[two]
            if not len(first) or not len(second):
                continue
            text = np.searchsorted(ends, first, side="right")
            behind = np.searchsorted(second, first)  # the next place of the second word
            ahead = second[np.minimum(behind, len(second) - 1)] - first
            back = first - second[np.maximum(behind - 1, 0)]
            near = ((ahead > 0) & (ahead <= WINDOW)) | ((back > 0) & (back <= WINDOW))
            share = np.zeros(len(texts))
            share[text[near]] = 0.5
            share[text[ahead == 1]] = 1.0
            earned += PAIRS * min(self._idf[one], self._idf[two]) * share
        return dict(zip(texts, earned.tolist(), strict=True))

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
