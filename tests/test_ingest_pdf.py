"""PDF to document, on small PDFs made for the purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_maker import PrintedLine, column, make_pdf

from tutor.errors import DocumentError
from tutor.ingest import read_document
from tutor.ingest.document import Document, list_documents
from tutor.ingest.pdf import read_pdf
from tutor.ingest.quotes import quote_on_page

FILLER = [
    "The quick brown fox jumps over the lazy dog while the other animals",
    "look on from the edge of the forest and wonder about the purpose of",
    "such an exercise in the early hours of a perfectly ordinary morning.",
]


def paper() -> list[list[PrintedLine]]:
    first = [
        ("Tiny Networks Learn", 200, 740, 17, True),
        ("Jane Q. Doe, Richard Roe", 220, 715, 10, False),
        ("jane@example.org", 250, 703, 10, False),
        ("Abstract", 280, 670, 12, True),
        *column([*FILLER, "We show that tiny networks learn."], top=650),
        ("1 Introduction", 72, 590, 12, True),
        *column(["Pre-training with self-attention is com-", "mon. It was stud-"], top=570),
        ("arXiv:1234.56789v2 [cs.CL] 2 Aug 2023", 20, 300, 20, False),
        ("A Journal of Tests", 250, 780, 9, False),
        ("1", 300, 30, 9, False),
    ]
    second = [
        ("A Journal of Tests", 250, 780, 9, False),
        *column(["ied before. The rest is history, and self-", "attention won.", *FILLER], top=740),
        ("2.1 A Closer Look", 72, 640, 12, True),
        *column(FILLER, top=620),
        ("Table 1: Scores of all models that were tested here.", 72, 560, 10, False),
        ("2", 300, 30, 9, False),
    ]
    third = [
        ("A Journal of Tests", 250, 780, 9, False),
        ("References", 72, 740, 12, True),
        *column(["[1] A. Author. A title. 2017.", "[2] B. Author and C. Author. Another",
                 "title that is long. 2018."], top=720),
        ("A Proofs", 72, 660, 12, True),
        *column(FILLER, top=640),
        ("3", 300, 30, 9, False),
    ]  # fmt: skip
    return [first, second, third]


@pytest.fixture(scope="module")
def document() -> Document:
    return read_pdf(make_pdf(paper()), "x.pdf")


def test_title_authors_year_and_id(document: Document) -> None:
    assert document.title == "Tiny Networks Learn"
    assert document.authors == ("Jane Q. Doe", "Richard Roe")
    assert (document.arxiv_id, document.doc_id) == ("1234.56789", "arxiv:1234.56789")
    assert document.year == 2012


def test_abstract_is_the_section_of_that_name(document: Document) -> None:
    assert document.abstract.endswith("We show that tiny networks learn.")
    assert document.sections[0].title == "Abstract"


def test_headings_have_numbers_levels_and_pages(document: Document) -> None:
    assert [(s.number, s.title, s.level, s.page) for s in document.sections] == [
        ("", "Abstract", 1, 1), ("1", "Introduction", 1, 1), ("2.1", "A Closer Look", 2, 2),
        ("A", "Proofs", 1, 3),
    ]  # fmt: skip


def test_hyphens_are_mended_also_across_pages(document: Document) -> None:
    text = document.sections[1].text
    assert "is common. It was studied before." in text
    assert "self-attention won" in text
    assert document.sections[1].pages == (1, 2)


def test_stamp_headers_and_page_numbers_are_gone(document: Document) -> None:
    everything = "\n".join(document.page_texts)
    assert "arXiv:1234" not in everything
    assert "Journal of Tests" not in everything
    assert not any(line.strip().isdigit() for line in everything.splitlines())


def test_references_are_entries_and_no_section(document: Document) -> None:
    assert document.references == (
        "[1] A. Author. A title. 2017.",
        "[2] B. Author and C. Author. Another title that is long. 2018.",
    )
    assert not any("B. Author" in section.text for section in document.sections)


def test_sentences_stand_on_their_page(document: Document) -> None:
    assert quote_on_page("We show that tiny networks learn.", document.page_texts[0])
    assert not quote_on_page("We show that tiny networks learn.", document.page_texts[1])


def test_document_survives_json(document: Document) -> None:
    import json

    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_two_columns_keep_their_order() -> None:
    left = [f"Left line {n} goes on and on with" for n in range(5)] + ["the words of the left."]
    right = [f"Right line {n} goes on and on with" for n in range(5)] + ["the words of the right."]
    lines = [*column(left, x=60), *column(right, x=330)]
    text = read_pdf(make_pdf([lines]), "x.pdf").sections[0].text
    assert text.index("Left line 4") < text.index("Right line 0")


def test_a_caption_does_not_cut_a_sentence() -> None:
    lines = [
        *column([*FILLER[:2], "this sentence is interrupted by"], top=700),
        ("Figure 1: A caption that stands in between the two halves of it.", 72, 600, 10, False),
        *column(["a figure and goes on. It ends here."], top=560),
    ]
    text = read_pdf(make_pdf([lines]), "x.pdf").sections[0].text
    assert "is interrupted by a figure and goes on." in text
    assert "Figure 1: A caption" in text


def test_bookmarks_make_headings() -> None:
    lines = [*column(FILLER, top=740), ("On Foxes", 72, 660, 10, False), *column(FILLER, top=630)]
    document = read_pdf(make_pdf([lines], bookmarks=[("On Foxes", 0)]), "x.pdf")
    assert [section.title for section in document.sections] == ["", "On Foxes"]


def test_numbers_out_of_sequence_are_no_headings() -> None:
    lines = [
        ("1 Introduction", 72, 740, 12, True), *column(FILLER, top=720),
        ("97 Large Models", 72, 660, 12, True), *column(FILLER, top=640),
        ("2 Method", 72, 580, 12, True), *column(FILLER, top=560),
    ]  # fmt: skip
    titles = [section.title for section in read_pdf(make_pdf([lines]), "x.pdf").sections]
    assert titles == ["Introduction", "Method"]


def test_sane_metadata_title_wins_over_insane_one() -> None:
    lines = [("Tiny Networks Learn", 200, 740, 17, True), *column(FILLER)]
    assert read_pdf(make_pdf([lines], title="Microsoft Word - x.doc"), "x.pdf").title == (
        "Tiny Networks Learn"
    )
    lower = read_pdf(make_pdf([lines], title="Tiny networks learn"), "x.pdf")
    assert lower.title == "Tiny networks learn"


def test_a_key_paper_is_recognised_by_its_title(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf([[("Attention is all you need", 200, 740, 17, True),
                                *column(FILLER)]]))  # fmt: skip
    document = read_document(path)
    assert document.doc_id == "arxiv:1706.03762"
    assert document.authors[0] == "Ashish Vaswani"


def test_empty_user_password_is_opened() -> None:
    assert read_pdf(make_pdf([column(FILLER)], password=""), "x.pdf").sections


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>", "is not a PDF"),
        (make_pdf([column(FILLER)], password="secret"), "password"),
        (make_pdf([[]]), "no text layer"),
        (b"%PDF-1.4 nothing else", "truncated"),
        (b"%PDF-1.4 nothing else %%EOF", "damaged"),
    ],
)
def test_unusable_files_say_what_cures_them(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=reason) as caught:
        read_document(path)
    assert caught.value.cure


def test_too_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutor.ingest.pdf.MAX_PAGES", 2)
    with pytest.raises(DocumentError, match="at most 2"):
        read_pdf(make_pdf([column(FILLER)] * 3), "x.pdf")


def test_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutor.ingest.document.MAX_FILE_MB", 0)
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-")
    with pytest.raises(DocumentError, match="at most 0 MB"):
        read_document(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no file"):
        read_document(tmp_path / "none.pdf")
    with pytest.raises(DocumentError, match="folder"):
        read_document(tmp_path)
    none = tmp_path / "none.pdf"
    assert list_documents([none, tmp_path, none]) == [none, tmp_path], "each is to be reported once"


def test_folders_are_searched_and_files_taken_once(tmp_path: Path) -> None:
    for name in ("b.md", "a.pdf", "c.exe", ".hidden.md"):
        (tmp_path / name).write_text("x")
    found = list_documents([tmp_path, tmp_path / "b.md"])
    assert [path.name for path in found] == ["a.pdf", "b.md"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=40))
def test_damaged_bytes_give_text_or_a_document_error(place: int, junk: bytes) -> None:
    data = make_pdf([column(FILLER)])
    place %= len(data)
    try:
        read_pdf(data[:place] + junk + data[place + len(junk) :], "x.pdf")
    except DocumentError as error:
        assert error.cure


def test_own_doi_is_the_only_one_on_the_first_page() -> None:
    from tutor.ingest.pdf import _own_doi

    assert _own_doi("Foxes. https://doi.org/10.1000/FOX. We study foxes.") == "10.1000/fox"
    assert _own_doi("doi:10.1000/fox and doi:10.1000/hound") is None
    assert _own_doi("https://doi.org/10.48550/arXiv.2401.00001") is None, "that is its arXiv id"
