"""Whether the passages are worth answering from, and what of them may be used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tutor.ingest.sentences import split_sentences
from tutor.retrieve import Passage, Retrieval
from tutor.retrieve.definitions import asks_for_taught_term
from tutor.sanitize import gives_orders, plain_text

# Chosen on the development questions of eval/, which are disjoint from those that the report is
# made on.
SIMILARITY_ALONE, SIMILARITY_WITH_WORDS, COVERAGE_WITH, COVERAGE_ALONE = 0.4, 0.3, 0.45, 0.6
WHOLE = 0.99  # coverage of a bare term
# A library full of papers has a passage near to anything ("capital of France" stands in word2vec's
# analogies). What is far from all lessons needs a passage that is really near, and so does a
# question of which the passages hold hardly a word ("variational autoencoder"; docs/support.md).
TAUGHT, COVERED, NEAR_ALONE = 0.3, 0.3, 0.55

_NUMBERED = re.compile(r"\b(([A-Z][A-Za-z]+)[-‑]?(\d+(?:\.\d+)?))\b(?!%)")
# Behind "arXiv:" also what can't be an id: nothing is known about that paper either.
_ARXIV_ID = re.compile(
    r"\b((?:\d{2}(?:0[1-9]|1[0-2])|(?<=arxiv:)\d{4})\.\d{4,5})(?:v\d+)?\b", re.IGNORECASE
)


def enough_evidence(retrieval: Retrieval) -> bool:
    """Whether the passages are near enough to the question to answer from them."""
    if not retrieval.passages:
        return False
    if retrieval.similarity is None:
        return retrieval.coverage >= COVERAGE_ALONE
    far = retrieval.taught is not None and retrieval.taught < TAUGHT
    if (far or retrieval.coverage < COVERED) and retrieval.similarity < NEAR_ALONE:
        return False
    return retrieval.similarity >= SIMILARITY_ALONE or (
        retrieval.similarity >= SIMILARITY_WITH_WORDS and retrieval.coverage >= COVERAGE_WITH
    )


def names_a_term(question: str, retrieval: Retrieval) -> bool:
    """Whether a bare term of the field was asked for, and a passage has it.

    The vector of "What is RAG?" is near to nothing, since the embedding model does not know it.
    """
    return retrieval.coverage >= WHOLE and asks_for_taught_term(question)


def unknown_papers(question: str, library: frozenset[str]) -> list[str]:
    """arXiv ids in the question that are not in the library."""
    return [arxiv_id for arxiv_id in _ARXIV_ID.findall(question) if arxiv_id not in library]


def unknown_names(question: str, passages: Sequence[Passage]) -> list[str]:
    """Names with a number ("GPT-5") of which the passages know other numbers alone ("GPT-4").

    Embeddings take a successor for what came before it. Empty where one name is known.
    """
    said = " ".join(f"{p.title} {p.text}" for p in passages)
    unknown = []
    for name, letters, number in dict.fromkeys(_NUMBERED.findall(question)):
        known = set(re.findall(rf"(?i)\b{letters}[-‑ ]?(\d+(?:\.\d+)?)", said))
        if number in known:
            return []
        if known:
            unknown.append(name)
    return unknown


def trusted(passages: Sequence[Passage]) -> list[Passage]:
    """Passages without invisible characters and without sentences that give orders."""
    cleaned = []
    for passage in passages:
        text = plain_text(passage.text)
        if gives_orders(text):
            text = " ".join(s for s in split_sentences(text) if not gives_orders(s))
        if text.strip() and not gives_orders(passage.title):
            cleaned.append(replace(passage, text=text))
    return cleaned
