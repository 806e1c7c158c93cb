"""Pages of PDFs as pictures: drawn in a process that may die, kept, and never from elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pdf_maker import column, make_pdf
from PIL import Image
from tiny_corpus import tiny_tutor

from tutor.errors import DocumentError, NotFoundError
from tutor.ingest.page_image import MAX_PIXELS, WIDTH, draw_page
from tutor.ingest.worker import Worker
from tutor.library import Library
from tutor.library.pages import has_pages, open_page
from tutor.settings import Settings

FIRST = [
    "A Study of Tiny Caches",
    "We study caches of keys and values in language models.",
    "The cache of sixteen entries keeps nine tenths of the ac-",
    "curacy of a full one.",
]
SECOND = ["Our method reaches 71.3 percent accuracy on the second page of this short paper."]
QUOTE = "The cache of sixteen entries keeps nine tenths of the accuracy of a full one."


def pdf(size: tuple[float, float] | None = None, rotate: int = 0) -> bytes:
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import RectangleObject

    data = make_pdf([column(FIRST), column(SECOND)], title="A Study of Tiny Caches")
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    for page in writer.pages:
        if size:
            page.mediabox = page.cropbox = RectangleObject((0, 0, *size))
        if rotate:
            page.rotate(rotate)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.fixture
def library(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    path = tmp_path / "caches.pdf"
    path.write_bytes(pdf())
    tutor = tiny_tutor(settings, monkeypatch)
    list(tutor.library.ingest([path]))
    return tutor.library


def doc_id(library: Library) -> str:
    return library.documents()[0].doc_id


def dark(image: bytes, box: tuple[float, float, float, float]) -> int:
    """Dark pixels within a box."""
    picture = Image.open(io.BytesIO(image)).convert("L")
    edges = [share * side for share, side in zip(box, picture.size * 2, strict=True)]
    return sum(picture.crop(tuple(map(round, edges))).histogram()[:100])


def test_lines_of_the_quote_are_marked_and_no_others() -> None:
    drawn = draw_page(pdf(), "a.pdf", 1, QUOTE)
    assert drawn.width == WIDTH and drawn.found == "exact" and len(drawn.boxes) == 2
    ink = [dark(drawn.image, box) for box in drawn.boxes]
    assert min(ink) > 100
    above, below = (700 - 2 * 12 + 10) / 792, (700 - 3 * 12 - 4) / 792
    assert 1 - above < drawn.boxes[0][1] and drawn.boxes[1][3] < 1 - below
    # Without them hardly any of the quote's ink is left, the title and the line before remain.
    everything = dark(drawn.image, (0, 0, 1, 1))
    assert everything * 0.4 < sum(ink) < everything * 0.75


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_marks_turn_with_the_page(rotate: int) -> None:
    upright = draw_page(pdf(), "a.pdf", 1, QUOTE)
    drawn = draw_page(pdf(rotate=rotate), "a.pdf", 1, QUOTE)
    assert len(drawn.boxes) == 2
    share = [
        sum(dark(page.image, box) for box in page.boxes) / dark(page.image, (0, 0, 1, 1))
        for page in (upright, drawn)
    ]
    assert share[1] == pytest.approx(share[0], abs=0.08)


def test_page_without_the_quote_is_shown_without_marks() -> None:
    drawn = draw_page(pdf(), "a.pdf", 2, "Foxes hunt at night, mostly alone, and sleep by day.")
    assert drawn.found == "none" and drawn.boxes == () and drawn.image


@pytest.mark.parametrize("size", [(14_000.0, 14_000.0), (14_000.0, 3.0), (3.0, 14_000.0)])
def test_size_of_a_page_costs_no_memory(size: tuple[float, float]) -> None:
    drawn = draw_page(pdf(size), "a.pdf", 1)
    assert drawn.width * drawn.height <= MAX_PIXELS * 1.01 + WIDTH


@pytest.mark.parametrize("number", [0, -1, 3, 10**9])
def test_page_that_is_not_there(number: int) -> None:
    with pytest.raises(DocumentError, match="no page"):
        draw_page(pdf(), "a.pdf", number)


def test_worker_draws_and_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    good.write_bytes(pdf())
    bad.write_bytes(b"%PDF-1.4 nothing")
    with Worker() as worker:
        with pytest.raises(DocumentError):
            worker.draw(bad, 1)
        assert worker.draw(good, 1, QUOTE) == draw_page(pdf(), "good.pdf", 1, QUOTE)
        with pytest.raises(DocumentError, match="took longer"):
            worker.draw(good, 1, timeout_s=0.0)


def test_page_is_drawn_once_and_kept(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    name = doc_id(library)
    first = open_page(library, name, 1, QUOTE)
    assert (first.number, first.count, first.drawn.found) == (1, 2, "exact")
    assert first.title == "A Study of Tiny Caches" and "sixteen entries" in first.text
    monkeypatch.setattr(Worker, "draw", lambda *_: pytest.fail("drawn again"))
    assert open_page(library, name, 1, QUOTE) == first


def test_damaged_cache_is_drawn_again(library: Library) -> None:
    name = doc_id(library)
    first = open_page(library, name, 1)
    [kept] = library.shelf.page_cache(name).glob("*.json")
    for content in ('{"image": 1}', "[]", "", '{"image": "??", "boxes": []}'):
        kept.write_text(content)
        assert open_page(library, name, 1) == first


def test_passage_that_begins_a_page_earlier_opens_where_its_quote_stands(library: Library) -> None:
    view = open_page(library, doc_id(library), 1, SECOND[0])
    assert view.number == 2 and view.drawn.found == "exact"


def test_pages_go_with_their_document(library: Library) -> None:
    name = doc_id(library)
    open_page(library, name, 1)
    folder = library.shelf.page_cache(name)
    assert list(folder.glob("*.json"))
    library.remove(name)
    assert not folder.exists()
    with pytest.raises(NotFoundError):
        open_page(library, name, 1)


@pytest.mark.parametrize("name", ["../../etc/passwd", "arxiv:1706.03762", "lesson:x", "", "*"])
def test_nothing_but_documents_of_the_library_is_opened(library: Library, name: str) -> None:
    assert not has_pages(library, name)
    with pytest.raises(NotFoundError):
        open_page(library, name, 1)


def test_text_has_no_pages(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Notes on foxes\n\nA fox is a small animal that lives in a wood.\n")
    [added] = library.ingest([path])
    assert added.doc_id and not has_pages(library, added.doc_id)
    with pytest.raises(NotFoundError, match="no pages"):
        open_page(library, added.doc_id, 1)
