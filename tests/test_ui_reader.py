"""The Papers tab without a browser: chips, the page as HTML, the shelves, the quiz on a paper."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pdf_maker import column, make_pdf
from tiny_corpus import tiny_tutor

from corpus.exercises import load_items
from corpus.papers import load_papers
from tutor.app import Tutor
from tutor.errors import NotFoundError, StoreError
from tutor.ingest.entry import ArxivPaper
from tutor.ingest.page_image import PageImage
from tutor.library import papers
from tutor.library.citations import Citations, Cited
from tutor.library.pages import PageView
from tutor.settings import Settings
from tutor.summarize import PaperSummary, Point, summary_from_notes
from tutor.ui.papers import (
    QUESTIONS,
    _label,
    citations_view,
    news_line,
    news_view,
    paper_questions,
    shelf_rows,
)
from tutor.ui.reader import NO_SPOTS, page_html, summary_view

LINES = [
    "A Study of Tiny Caches",
    "We study caches of keys and values in small language models on small devices.",
    "Our method reaches 71.3 percent accuracy, and a full cache reaches 79.0 percent.",
    "The memory of the cache falls from 512 megabytes to 8 megabytes with our method.",
]
HOSTILE = "</blockquote><img src=x onerror=alert(1)> ${element.remove()} {{constructor}} `x`"


@pytest.fixture
def tutor(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tutor:
    path = tmp_path / "caches.pdf"
    path.write_bytes(make_pdf([column(LINES)], title="A Study of Tiny Caches"))
    tutor = tiny_tutor(settings, monkeypatch)
    tutor.add_files([path])
    return tutor


def added(tutor: Tutor) -> str:
    return tutor.library.documents()[0].doc_id


def view(found: str = "exact", boxes: int = 1, text: str = "Text.", quote: str = "Q.") -> PageView:
    drawn = PageImage(b"picture", 1200, 1600, ((0.1, 0.2, 0.3, 0.25),) * boxes, found)  # type: ignore[arg-type]
    return PageView("file:1", "Title", 2, 3, quote, text, drawn)


def summary(doc_id: str, *points: Point) -> PaperSummary:
    note = summary_from_notes(load_papers()["1706.03762"])
    return replace(note, doc_id=doc_id, problem=points, method=(), results=(), limitations=())


def test_page_says_in_words_what_it_shows() -> None:
    html = page_html(view(boxes=2))
    assert html.count('class="mark"') == 2 and "left:10.000%;top:20.000%" in html
    assert 'aria-label="Page 2 of 3, with the quote marked"' in html
    assert "Page 2 of 3 of “Title”" in html and "Text of page 2" in html and "“Q.”" in html
    html = page_html(view("none", boxes=0))
    assert "could not be found" in html and "with the quote marked" not in html
    assert "differs a little" in page_html(view("near"))
    assert "<figcaption>" not in page_html(view(quote=""))


def test_text_of_a_paper_is_neither_markup_nor_template() -> None:
    html = page_html(view(text=HOSTILE, quote=HOSTILE))
    assert html.count("<img") == 1 and "onerror=alert(1)>" not in html
    for sign in ("${", "{{", "`"):
        assert sign not in html
    assert html.count("</blockquote>") == 1


def test_chips_open_what_their_numbers_say(tutor: Tutor) -> None:
    points = (Point("One.", 1, LINES[1]), Point("No page.", None, None), Point("Two.", 1, LINES[2]))
    text, spots = summary_view(tutor, summary(added(tutor), *points))
    assert re.findall(r'href="#page-(\d+)"', text) == ["0", "1"]
    assert spots == {"doc_id": added(tutor), "spots": [(1, LINES[1]), (1, LINES[2])]}
    assert "show page 1" in text and 'href="#topic-' in text and 'href="#paper-' in text


def test_summary_without_a_pdf_unfolds_its_quotes(tutor: Tutor) -> None:
    text, spots = summary_view(tutor, summary("arxiv:1706.03762", Point("One.", 3, "A quote.")))
    assert spots == NO_SPOTS and "#page-" not in text and '<details class="source"' in text


def test_shelves_hold_what_they_are_called(tutor: Tutor) -> None:
    name = added(tutor)
    tutor.store.set_reading("ann", "arxiv:1706.03762", "Attention", "read")
    tutor.store.set_reading("ann", name, "A Study of Tiny Caches", "reading")
    tutor.store.set_reading("ann", "arxiv:9999.00001", "A paper that was removed", "want")

    def ids(shelf: str, learner: str = "ann") -> list[str]:
        return [row["doc_id"] for row in shelf_rows(tutor, learner, shelf)]

    assert (
        ids("full") == [name] and ids("reading") == [name] and ids("read") == ["arxiv:1706.03762"]
    )
    assert ids("list") == [name, "arxiv:9999.00001", "arxiv:1706.03762"]
    assert len(ids("")) == len(load_papers()) + 2
    assert ids("list", "bob") == [] and "arxiv:9999.00001" not in ids("", "bob")
    labels = [_label(row) for row in shelf_rows(tutor, "ann", "list")]
    assert labels[0].endswith(" · reading") and labels[2].endswith("(2017) · notes · read")


def test_quiz_comes_from_the_paper_and_is_filled_from_its_topics(
    tutor: Tutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = paper_questions(tutor, "arxiv:1706.03762", "ann")
    assert len(questions) == QUESTIONS and {q.source for q in questions} <= {"bank", "parametric"}
    # Items of other topics may ask about the paper too.
    cited = "arxiv:1706.03762"
    about = {f"bank:{item.id}" for item in load_items().values() if item.source.startswith(cited)}
    topics = set(load_papers()["1706.03762"].topics)
    assert all(q.topic in topics or q.id.rsplit(":", 1)[0] in about for q in questions)
    own = replace(questions[0], id="gen:1", source="generated")
    monkeypatch.setattr(tutor.study, "_generate", lambda *_: [own])
    mixed = paper_questions(tutor, "arxiv:1706.03762", "ann")
    assert mixed[0] == own and len(mixed) == QUESTIONS
    assert paper_questions(tutor, added(tutor), "ann")[0] == own


def test_quiz_on_a_paper_of_no_topic_that_gives_no_question(
    tutor: Tutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutor.ui.papers.match_topics", lambda _: ())
    with pytest.raises(NotFoundError, match="Nothing could be asked"):
        paper_questions(tutor, added(tutor), "ann")


def test_quiz_on_an_unknown_paper(tutor: Tutor) -> None:
    with pytest.raises(NotFoundError):
        paper_questions(tutor, "file:000000000000", "ann")


def test_citations_are_lists_whose_key_papers_are_links() -> None:
    bert = load_papers()["1810.04805"]
    own = Cited("file:x", "<img src=x> [a](http://b.c)", None)
    view = citations_view(Citations((Cited("arxiv:1810.04805", bert.title, 2018), own), (), 7))
    assert "of its 7 references" in view and "(2018)" in view and "none of the papers" in view
    assert view.count("<a ") == 1 and 'href="#paper-1810.04805"' in view
    assert "<img" not in view and "](http" not in view
    assert "notes alone" in citations_view(Citations((), (own,), 0))


def test_citations_of_an_added_paper(tutor: Tutor) -> None:
    assert "It is cited by" in citations_view(tutor.library.citations(added(tutor)))


# --- what arXiv said --------------------------------------------------------------------------

NOW = datetime(2024, 1, 2, tzinfo=UTC)
ATTENTION = ArxivPaper(
    "1706.03762", 9, "Attention", ("A",), "", NOW, NOW, (), None, None, "<b>[x](http://evil)</b>"
)  # fmt: skip


def test_news_of_arxiv_stand_in_the_list_and_above_the_summary(tutor: Tutor) -> None:
    name = "arxiv:1706.03762"
    assert news_line(tutor, name) == ""
    tutor.library.listings.save([ATTENTION], NOW)
    [row] = [row for row in shelf_rows(tutor, "ann", "") if row["doc_id"] == name]
    assert _label(row).endswith("version 9 is out")
    assert "version 9 is out since 2024-01-02" in news_line(tutor, name)
    view = news_view(papers.list_papers(tutor.library))
    assert "about 1 paper**" in view and view.count("\n- ") == 1
    assert news_view([]).endswith("nothing new")


def test_withdrawal_goes_before_a_new_version_and_is_no_markup(tutor: Tutor) -> None:
    comment = f"This paper has been withdrawn {ATTENTION.comment}"
    tutor.library.listings.save([replace(ATTENTION, comment=comment)], NOW)
    [row] = [r for r in shelf_rows(tutor, "ann", "") if r["arxiv_id"] == "1706.03762"]
    assert _label(row).endswith("withdrawn")
    told = news_line(tutor, "arxiv:1706.03762")
    assert "withdrawn" in told and "<b>" not in told and "](" not in told


def test_index_that_can_not_be_read_costs_the_news_alone(
    tutor: Tutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise StoreError("The index could not be opened.")

    monkeypatch.setattr(tutor.library, "documents", broken)
    assert news_line(tutor, "arxiv:1706.03762") == ""
