"""A corpus of three lessons and two notes, and a Tutor over it: nothing has to be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeEmbedder

from corpus.lessons import load_lessons
from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.ingest.chunk import chunk_document
from tutor.ingest.corpus import lesson_document, paper_note_document
from tutor.ingest.document import Chunk, Document, Section
from tutor.retrieve import Passage, Retriever
from tutor.settings import Settings

LESSONS = ("self-attention", "multi-head-attention", "neural-networks")
SECTIONS = ("In short", "The idea", "What people get wrong")  # of the lessons: enough to search
NOTES = ("1706.03762", "1810.04805")


def tiny_documents(*_: object) -> Iterator[tuple[Document, list[Chunk]]]:
    """What `corpus_documents` yields, for a few documents."""
    stage_of = load_roadmap().stage_of
    for topic in LESSONS:
        document = lesson_document(load_lessons()[topic])
        kept = tuple(section for section in document.sections if section.title in SECTIONS)
        document = replace(document, sections=kept)
        yield document, chunk_document(document, stage=stage_of(topic), topics=(topic,))
    for name in NOTES:
        paper = load_papers()[name]
        document = paper_note_document(paper)
        yield (
            document,
            chunk_document(document, stage=min(map(stage_of, paper.topics)), topics=paper.topics),
        )


def tiny_chunks() -> list[Chunk]:
    """The chunks of all tiny documents."""
    return [chunk for _, chunks in tiny_documents() for chunk in chunks]


def tiny_retriever() -> Retriever:
    """BM25 over the tiny corpus."""
    return Retriever(tiny_chunks())


def tiny_tutor(settings: Settings, patch: pytest.MonkeyPatch, *, model: Any = None) -> Tutor:
    """A Tutor over the tiny corpus with a fake embedding model and, if given, a fake model."""
    patch.setattr("tutor.library.library.corpus_documents", tiny_documents)
    tutor = Tutor(settings, use_model=model is not None)
    tutor._embedder = FakeEmbedder()
    tutor._fixed_llm = model
    return tutor


def a_passage(text: str, n: int = 1, **fields: Any) -> Passage:
    """A passage of a made-up lesson."""
    given = {
        "key": f"lesson:self-attention#{n}", "kind": "lesson", "doc_id": "lesson:self-attention",
        "title": "Self-Attention", "section": "The idea", "page": None, "score": 0.9,
    }  # fmt: skip
    return Passage(text=text, **(given | fields))


def a_document(
    doc_id: str = "file:0123456789ab", text: str = "Foxes attend.", **fields: Any
) -> Document:
    """A document with one section."""
    given: dict[str, Any] = {
        "kind": "paper", "title": "On Foxes", "authors": ("Jane Doe",), "year": 2020,
        "arxiv_id": None, "abstract": text, "sha256": "0" * 64, "page_texts": (text,),
    }  # fmt: skip
    sections = (Section("Body", 1, 1, text, ((1, text),)),)
    return Document(doc_id=doc_id, sections=sections, **(given | fields))
