"""The built-in corpus as Documents: the lessons, and the notes on the key papers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from corpus.lessons import Lesson, load_lessons
from corpus.papers import Paper, load_papers
from corpus.roadmap import load_roadmap
from tutor.ingest.chunk import chunk_document
from tutor.ingest.document import Chunk, Document, Section, sha256_hex


def lesson_document(lesson: Lesson) -> Document:
    """A lesson as a Document; its sections keep their Markdown.

    Further reading is left out: it says where to look, not what is so. Each misconception is a
    section of its own, so that no chunk holds it without its correction.
    """
    sections = tuple(
        Section(title, 1, None, part)
        for title, text in lesson.sections.items()
        if title != "Further reading"
        for part in (_bullets(text) if title == "What people get wrong" else [text])
        if part
    )
    return Document(
        doc_id=f"lesson:{lesson.topic}",
        kind="lesson",
        title=lesson.title,
        authors=(),
        year=None,
        arxiv_id=None,
        abstract=lesson.sections["In short"],
        sections=sections,
        sha256=sha256_hex(lesson.markdown.encode()),
    )


def _bullets(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"^(?=- )", text, flags=re.MULTILINE)]


def paper_note_document(paper: Paper) -> Document:
    """Our note on a paper as a Document with one section; it has no pages to cite."""
    text = f"{paper.note.text}\n\n{paper.why}"
    return Document(
        doc_id=f"arxiv:{paper.id}",
        kind="paper",
        title=paper.title,
        authors=paper.authors,
        year=paper.year,
        arxiv_id=paper.id,
        abstract=paper.note.text,
        sections=(Section("Note", 1, None, text),),
        sha256=sha256_hex(f"{paper.title}\n{text}".encode()),
    )


def _squeeze(title: str) -> str:
    return re.sub(r"[\W_]+", "", title.lower())


def with_known_facts(document: Document) -> Document:
    """The document with title, authors and year of papers.yaml, if it is one of the key papers.

    A paper without arXiv's stamp is recognised by its title.
    """
    papers = load_papers()
    paper = papers.get(document.arxiv_id or "")
    if paper is None and document.arxiv_id is None and document.kind == "paper":
        title = _squeeze(document.title)
        paper = next((paper for paper in papers.values() if _squeeze(paper.title) == title), None)
    if paper is None:
        return document
    return replace(
        document,
        doc_id=f"arxiv:{paper.id}",
        arxiv_id=paper.id,
        title=paper.title,
        authors=paper.authors,
        year=paper.year,
    )


def document_chunks(document: Document) -> list[Chunk]:
    """An added document's chunks; a key paper keeps our note, and its topics."""
    paper = load_papers().get(document.arxiv_id or "")
    if paper is None:
        return chunk_document(document)
    note = Section("Note", 1, None, f"{paper.note.text}\n\n{paper.why}")
    titled = replace(document, title=paper.title, sections=(note, *document.sections))
    return chunk_document(titled, topics=paper.topics)


def corpus_documents(
    count_tokens: Callable[[str], int] | None = None,
) -> Iterator[tuple[Document, list[Chunk]]]:
    """Lessons in roadmap order, then the notes on papers, each with its chunks.

    Chunks carry their topics and the stage; a paper's stage is the earliest among its topics.

    Raises:
        CorpusError: A file of the corpus is malformed.
    """
    roadmap = load_roadmap()
    for lesson in load_lessons().values():
        document = lesson_document(lesson)
        stage = roadmap.stage_of(lesson.topic)
        yield (
            document,
            chunk_document(document, count_tokens, stage=stage, topics=(lesson.topic,)),
        )
    for paper in load_papers().values():
        document = paper_note_document(paper)
        stage = min(roadmap.stage_of(topic) for topic in paper.topics)
        yield (
            document,
            chunk_document(document, count_tokens, stage=stage, topics=paper.topics),
        )
