"""Query -> passages: BM25 and embeddings, fused, reranked by late interaction, filtered.

`words` and `sparse` know text, `fuse` and `rerank` know scores, `scope` knows which chunks a search
may find; `retriever` joins them. The constants, and what else was tried, are in docs/retrieval.md.
"""

from __future__ import annotations

from tutor.retrieve.retriever import Passage, Retrieval, Retriever
from tutor.retrieve.scope import stages_of
from tutor.retrieve.words import STOP_WORDS, embedding_text, stems, words

__all__ = [
    "STOP_WORDS",
    "Passage",
    "Retrieval",
    "Retriever",
    "embedding_text",
    "stages_of",
    "stems",
    "words",
]
