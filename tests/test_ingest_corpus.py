"""The built-in corpus as documents."""

from __future__ import annotations

from corpus.lessons import load_lessons, parse_lesson
from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.ingest.chunk import chunk_document
from tutor.ingest.corpus import corpus_documents, lesson_document, with_known_facts
from tutor.ingest.document import Document


def test_every_lesson_and_note_is_there_with_stage_and_topics() -> None:
    roadmap = load_roadmap()
    found = {document.doc_id: chunks for document, chunks in corpus_documents()}
    assert {f"lesson:{topic}" for topic in load_lessons()} <= set(found)
    assert {f"arxiv:{paper}" for paper in load_papers()} <= set(found)
    for doc_id, chunks in found.items():
        assert chunks, doc_id
        for chunk in chunks:
            assert chunk.doc_id == doc_id and chunk.page is None and chunk.topics
            assert chunk.stage in {roadmap.stage_of(topic) for topic in chunk.topics}
            assert chunk.kind == ("lesson" if doc_id.startswith("lesson:") else "paper")


def test_chunk_ids_are_unique_across_the_corpus() -> None:
    ids = [chunk.id for _, chunks in corpus_documents() for chunk in chunks]
    assert len(ids) == len(set(ids))


def test_a_lessons_code_stays_in_one_chunk() -> None:
    code = "```python\nx = 1\n\ny = 2\n```"
    lesson = parse_lesson(
        "---\nid: self-attention\nminutes: 5\npapers: []\n---\n"
        f"## In short\nShort. Very.\n## Worked example\nLook:\n\n{code}\n\nDone.\n",
        "self-attention.md",
    )
    document = lesson_document(lesson)
    assert document.abstract == "Short. Very."
    assert any(code in chunk.text for chunk in chunk_document(document))


def test_unknown_documents_keep_their_facts() -> None:
    document = Document("file:abc", "paper", "Of Foxes", ("A",), 2020, None, "", ())
    assert with_known_facts(document) == document
