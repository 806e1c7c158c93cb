"""Documents cut into chunks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.ingest.chunk import chunk_document, estimate_tokens
from tutor.ingest.document import Document, Section


def words(text: str) -> int:
    return len(text.split())


def document(*sections: Section) -> Document:
    return Document("file:abc", "paper", "A title", (), None, None, "", sections)


def prose(count: int, start: int = 0) -> str:
    return " ".join(f"Sentence number {n} says something new." for n in range(start, start + count))


def test_chunks_keep_sentences_whole_and_overlap_by_one() -> None:
    chunks = chunk_document(document(Section("One", 1, None, prose(20))), words, max_tokens=30)
    assert len(chunks) > 3
    for before, after in zip(chunks, chunks[1:], strict=False):
        last = before.text.rsplit(". ", 1)[-1]
        assert after.text.startswith(last)
    assert all(words(chunk.text) <= 30 and chunk.text.endswith("new.") for chunk in chunks)


def test_chunks_never_cross_a_section() -> None:
    chunks = chunk_document(
        document(Section("One", 1, None, prose(2)), Section("Two", 1, None, prose(2, 50))), words
    )
    assert [chunk.section for chunk in chunks] == ["One", "Two"]


def test_a_chunk_ends_where_the_page_turns() -> None:
    first, second = prose(3), prose(3, 10)
    section = Section("One", 1, 4, f"{first} {second}", ((4, first + " "), (5, second)))
    chunks = chunk_document(document(section), words, max_tokens=100)
    assert [(chunk.page, chunk.text) for chunk in chunks] == [(4, first), (5, second)]


def test_a_sentence_over_the_page_break_belongs_to_the_page_where_it_begins() -> None:
    section = Section(
        "One", 1, 1, "It begins here and ends there. Next one.",
        ((1, "It begins here "), (2, "and ends there. Next one.")),
    )  # fmt: skip
    assert [(c.page, c.text) for c in chunk_document(document(section), words)] == [
        (1, "It begins here and ends there."), (2, "Next one."),
    ]  # fmt: skip


def test_code_is_kept_whole_beyond_the_limit_but_not_beyond_twice() -> None:
    code = "```python\n" + "\n".join(f"x{n} = {n}" for n in range(15)) + "\n```"
    [chunk] = chunk_document(document(Section("One", 1, None, code)), words, max_tokens=30)
    assert chunk.text == code
    long = "```python\n" + "\n".join(f"x{n} = {n}" for n in range(60)) + "\n```"
    chunks = chunk_document(document(Section("One", 1, None, long)), words, max_tokens=30)
    assert len(chunks) > 1
    assert "".join(chunk.text for chunk in chunks).split() == long.split() or all(
        line in " ".join(chunk.text for chunk in chunks) for line in long.splitlines()
    )


def test_ids_depend_on_the_content_alone() -> None:
    section = Section("One", 1, 3, prose(4))
    one = chunk_document(document(section), words)
    assert [c.id for c in one] == [c.id for c in chunk_document(document(section), words)]
    assert len(one[0].id) == 16
    moved = chunk_document(document(replace(section, page=4)), words)
    assert moved[0].id != one[0].id


def test_untitled_section_takes_the_documents_title_and_repeats_are_dropped() -> None:
    same = Section("", 1, None, "The same sentence stands here twice.")
    chunks = chunk_document(document(same, same), words)
    assert [chunk.section for chunk in chunks] == ["A title"]


def test_estimate_is_rather_too_high() -> None:
    text = "Self-attention computes representations of 1,024 tokens."
    assert len(text.split()) < estimate_tokens(text) < 3 * len(text.split())


@settings(deadline=None)
@given(st.text(alphabet="abc .\n#`A1", max_size=400), st.integers(4, 40))
def test_no_text_is_lost(text: str, limit: int) -> None:
    chunks = chunk_document(document(Section("S", 1, None, text)), words, max_tokens=limit)
    joined = " ".join(chunk.text for chunk in chunks)
    assert set(text.split()) <= set(joined.split())
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
