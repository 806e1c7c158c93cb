"""A page of a paper beside its summary: opened by a chip, its quote marked, turned by buttons."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tutor.answer import Answer
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.library.pages import PageView, has_pages, open_page
from tutor.replies import summary_markdown
from tutor.sanitize import plain_text
from tutor.summarize import PaperSummary, Point
from tutor.ui.render import answer_html, summary_html

NOT_FOUND = "The quote could not be found in the text of this page."
NEARLY = "What is marked differs a little from the quote, or is a part of it."

# Each page that is drawn is a process of up to 1 GB: two at a time, whoever asks.
DRAWING: dict[str, Any] = {"concurrency_id": "pages", "concurrency_limit": 2}

# What a chip opens: (page, quote) by its number. The page only says the number, so nothing that
# a browser sends decides on a file.
Spots = dict[str, Any]
View = dict[str, Any]
NO_SPOTS: Spots = {"doc_id": "", "spots": []}

# Chips and links are in Markdown, which can't call Python: they are heard here and passed on.
LISTEN = """
const heard = (event) => {
  if (!element.isConnected) return document.removeEventListener("click", heard);
  const zoom = event.target.closest("#page-pane .zoom");
  if (zoom) {
    const on = document.querySelector("#page-pane .sheet").classList.toggle("zoomed");
    zoom.setAttribute("aria-pressed", on);
  }
  const link = event.target.closest("#paper-view a.cite, #paper-view a.goto");
  const [kind, ...rest] = (link?.getAttribute("href") || "#").slice(1).split("-");
  if (kind === "page") {
    event.preventDefault();
    window.tutorChip = link;
    trigger("click", { n: Number(rest[0]) });
  } else if (kind === "topic" || kind === "paper") {
    event.preventDefault();
    trigger("select", { kind, name: rest.join("-") });
  }
};
document.addEventListener("click", heard);
const pressed = (event) => {
  if (!element.isConnected) return document.removeEventListener("keydown", pressed);
  const at = document.activeElement;
  if (!at?.closest("#page-pane") || at.matches("input")) return;
  const button = { Escape: "#page-close", ArrowLeft: "#page-previous", ArrowRight: "#page-next" };
  const found = document.querySelector(button[event.key] || "#page-none");
  if (!found || (event.key !== "Escape" && at.closest(".sheet.zoomed"))) return;
  event.preventDefault();
  found.click();
};
document.addEventListener("keydown", pressed);
"""
# The focus goes to the page, so that a screen reader tells it and the keyboard turns it.
SHOW = """() => setTimeout(() => {
  const pane = document.querySelector("#page-pane"), sheet = pane?.querySelector(".sheet");
  if (!sheet) return;
  sheet.focus({ preventScroll: true });
  if (pane.getBoundingClientRect().top > innerHeight / 2 || innerWidth <= 900)
    pane.scrollIntoView({ block: "start" });
  const mark = sheet.querySelector(".mark");
  sheet.scrollTop = mark ? mark.offsetTop - sheet.clientHeight / 3 : 0;
}, 150)"""
BACK = "() => setTimeout(() => window.tutorChip?.isConnected && window.tutorChip.focus(), 100)"


@dataclass
class Reader:
    """The parts of the tab that open a page.

    Attributes:
        pane: The column; hidden until a page is opened.
        spots: What the chips that are shown open.
        links: Hears clicks on chips ("click") and on topics and papers ("select").
        view: The page that is open, or None.
        show: Opens page `number` of a document with a quote; gives the updates of `outputs`.
        outputs: The pane's components.
    """

    pane: gr.Column
    spots: gr.State
    links: gr.HTML
    view: gr.State
    show: Callable[..., tuple[Any, ...]]
    outputs: list[Any]


def build_reader(tutor: Tutor) -> Reader:
    """Lay out the pane and wire it."""
    spots = gr.State(NO_SPOTS)
    view = gr.State(None)
    with gr.Column(scale=3, min_width=320, visible=False, elem_id="page-pane") as pane:
        with gr.Row(elem_id="page-bar"):
            previous = gr.Button("‹ Previous", elem_id="page-previous", size="sm")
            number = gr.Number(
                1, label="Page", precision=0, minimum=1, elem_id="page-number", min_width=70
            )
            following = gr.Button("Next ›", elem_id="page-next", size="sm")
            close = gr.Button("Close", elem_id="page-close", size="sm")
        sheet = gr.HTML(elem_id="page-sheet", js_on_load=None)
    links = gr.HTML(elem_id="paper-links", js_on_load=LISTEN)
    outputs = [pane, view, number, previous, following, sheet]

    def show(doc_id: str, wanted: int, quote: str = "") -> tuple[Any, ...]:
        try:
            page = open_page(tutor.library, doc_id, wanted, quote)
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        # Turning back to the page with the quote marks it again.
        kept: View = {"doc_id": doc_id, "number": page.number, "count": page.count}
        kept |= {"quote": quote, "quoted": page.number if quote else 0}
        return shown(page, kept)

    def shown(page: PageView, kept: View) -> tuple[Any, ...]:
        return (
            gr.update(visible=True),
            kept,
            gr.update(value=page.number, maximum=page.count, label=f"Page of {page.count}"),
            gr.update(interactive=page.number > 1),
            gr.update(interactive=page.number < page.count),
            page_html(page),
        )

    def open_spot(kept: Spots, event: gr.EventData) -> tuple[Any, ...]:
        n = getattr(event, "n", None)
        if not isinstance(n, int) or not 0 <= n < len(kept["spots"]):
            raise gr.Error("That page is no longer there: open it again.", print_exception=False)
        number, quote = kept["spots"][n]
        return show(kept["doc_id"], number, quote)

    def turn(kept: View | None, wanted: float | None) -> tuple[Any, ...]:
        if not kept or wanted is None:
            return tuple(gr.skip() for _ in outputs)
        target = min(max(int(wanted), 1), int(kept["count"]))
        quote = kept["quote"] if target == kept["quoted"] else ""
        try:
            page = open_page(tutor.library, kept["doc_id"], target, quote)
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return shown(page, {**kept, "number": page.number})

    def step(kept: View | None, by: int) -> tuple[Any, ...]:
        return turn(kept, kept["number"] + by if kept else None)

    gr.on(links.click, open_spot, spots, outputs, show_progress_on=sheet, **DRAWING).then(js=SHOW)
    for button, by in ((previous, -1), (following, 1)):
        button.click(
            lambda kept, by=by: step(kept, by), view, outputs, show_progress="hidden", **DRAWING
        ).then(js=SHOW)
    number.submit(turn, [view, number], outputs, show_progress="hidden", **DRAWING).then(js=SHOW)
    close.click(
        lambda: (gr.update(visible=False), None), None, [pane, view], show_progress="hidden"
    ).then(js=BACK)
    return Reader(pane, spots, links, view, show, outputs)


def page_html(page: PageView) -> str:
    """The picture with its marks, what they are, and the page's text for who can't see it."""
    place = f"Page {page.number} of {page.count}"
    marked = ", with the quote marked" if page.drawn.boxes else ""
    source = base64.b64encode(page.drawn.image).decode()
    marks = "".join(
        f'<span class="mark" style="left:{100 * left:.3f}%;top:{100 * top:.3f}%;'
        f'width:{100 * (right - left):.3f}%;height:{100 * (bottom - top):.3f}%"></span>'
        for left, top, right, bottom in page.drawn.boxes
    )
    label = _plain(f"{place} of “{page.title}”{marked}. Its text stands below.")
    note = ""
    if page.quote:
        said = {"exact": "", "near": NEARLY, "none": NOT_FOUND}[page.drawn.found]
        note = (
            f"<figcaption>“{_plain(page.quote)}”{f' <em>{said}</em>' if said else ''}</figcaption>"
        )
    return (
        f'<figure><div class="sheet" tabindex="0" role="group" aria-label="{place}{marked}">'
        f'<div class="paper"><img src="data:image/webp;base64,{source}" alt="{label}" '
        f'width="{page.drawn.width}" height="{page.drawn.height}">{marks}</div></div>'
        f'<button type="button" class="zoom" aria-pressed="false">Zoom</button>{note}</figure>'
        f'<details class="source"><summary>Text of page {page.number}</summary>'
        f"<blockquote>{_plain(page.text) or 'This page has no text.'}</blockquote></details>"
    )


def summary_view(tutor: Tutor, summary: PaperSummary) -> tuple[str, Spots]:
    """A summary whose chips open pages; where the PDF is not at hand they unfold the quote."""
    if not has_pages(tutor.library, summary.doc_id):
        return summary_html(summary, link), NO_SPOTS
    spots: list[tuple[int, str]] = []

    def mark(point: Point) -> str:
        if point.page is None or point.quote is None:
            return ""
        spots.append((point.page, point.quote))
        return chip(len(spots) - 1, point.page, f"p. {point.page}")

    text = summary_markdown(summary, mark, link)
    return text, {"doc_id": summary.doc_id, "spots": spots}


def answer_view(tutor: Tutor, doc_id: str, answer: Answer) -> tuple[str, Spots]:
    """An answer whose markers open the page; those of other sources unfold the quote."""
    data = answer.to_dict()
    spots: list[tuple[int, str]] = []
    chips: dict[int, str] = {}
    if has_pages(tutor.library, doc_id):
        for citation in data["citations"]:
            if citation["doc_id"] == doc_id and citation["page"]:
                n, page = citation["n"], citation["page"]
                chips[n] = chip(len(spots), page, f"{n}, p. {page}")
                spots.append((page, citation["quote"]))
    return answer_html(data, chips), {"doc_id": doc_id, "spots": spots}


def chip(n: int, page: int, text: str) -> str:
    """A marker that opens a page."""
    return f'<a class="cite" href="#page-{n}" aria-label="show page {page}">[{text}]</a>'


def link(kind: str, name: str, title: str) -> str:
    """A topic or a paper as a link that `LISTEN` hears; both come from the corpus."""
    return f'<a class="goto" href="#{kind}-{escape(name)}">{escape(title)}</a>'


def _plain(text: str) -> str:
    """Text from outside for a place where templates are filled in: nothing of it is markup."""
    shown = escape(plain_text(text))
    for sign in "{}$`":
        shown = shown.replace(sign, f"&#{ord(sign)};")
    return shown
