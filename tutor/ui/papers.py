"""The Papers tab: upload with progress, the library, a summary, and questions on one paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from tutor import papers as library
from tutor.answer import Answer
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.ui.render import LATEX, answer_html, summary_html


def build_papers(tutor: Tutor) -> gr.Tab:
    """Lay out the tab and wire it."""
    with gr.Tab("Papers", id="papers") as tab, gr.Row():
        with gr.Column(scale=2, min_width=280):
            upload = gr.File(
                label="Add papers (PDF, Markdown, text)", file_count="multiple", elem_id="upload",
                file_types=[".pdf", ".md", ".markdown", ".txt"], height=150,
            )  # fmt: skip
            outcome = gr.Markdown(elem_id="upload-outcome")
            only_full = gr.Checkbox(False, label="Only papers with full text", elem_id="only-full")
            chosen = gr.Dropdown([], label="Paper", elem_id="paper", filterable=True)
            summarize = gr.Button("Summarize", variant="primary", elem_id="summarize")
            question = gr.Textbox(label="Ask within this paper", elem_id="paper-question")
            ask = gr.Button("Ask", elem_id="paper-ask")
        with gr.Column(scale=3, min_width=300):
            shown = gr.Markdown(
                "Choose a paper, then read its summary or ask a question about it.",
                latex_delimiters=LATEX, elem_id="paper-view", elem_classes="lesson",
            )  # fmt: skip

    def listed(full: bool) -> Any:
        try:
            rows = library.list_papers(tutor.library)
        except TutorError:
            rows = []
        return gr.update(
            choices=[(_label(row), row["doc_id"]) for row in rows if row["pages"] or not full]
        )

    def add(files: list[str] | None, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        if not files:
            return "", gr.skip()
        try:
            results = tutor.add_files(
                [Path(f) for f in files], progress=lambda text, done: progress(done, desc=text)
            )
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        lines = [
            f"- ✓ {r.title}: {_count(r.pages, 'page')}, {_count(r.chunks, 'passage')} ({r.status})"
            if r.status != "failed" else f"- ✗ {Path(r.path).name}: {r.error}"
            for r in results
        ]  # fmt: skip
        added = [r.doc_id for r in results if r.status != "failed"]
        return "\n".join(lines), gr.update(value=added[-1]) if added else gr.skip()

    def summary(doc_id: str | None) -> Iterator[str]:
        if not doc_id:
            raise gr.Error("Choose a paper first.", print_exception=False)
        yield "*Reading …*"
        try:
            yield summary_html(tutor.summarize(doc_id))
        except TutorError as error:
            yield f"⚠ {error}"

    def answer(doc_id: str | None, text: str) -> Iterator[str]:
        if not doc_id or not text.strip():
            raise gr.Error("Choose a paper and type a question.", print_exception=False)
        yield "*Searching …*"
        try:
            draft = ""
            for part in tutor.ask(text, paper=doc_id):
                if isinstance(part, Answer):
                    yield f"**{text.strip()}**\n\n" + answer_html(part.to_dict())
                else:
                    draft += part
                    yield draft
        except TutorError as error:
            yield f"⚠ {error}"

    tab.select(listed, only_full, chosen, show_progress="hidden")
    only_full.change(listed, only_full, chosen, show_progress="hidden")
    adding = upload.upload(
        add, upload, [outcome, chosen], concurrency_limit=1, show_progress_on=outcome
    )
    adding.then(listed, only_full, chosen, show_progress="hidden")
    summarize.click(summary, chosen, shown)
    ask.click(answer, [chosen, question], shown)
    question.submit(answer, [chosen, question], shown)
    return tab


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _label(row: dict[str, Any]) -> str:
    return f"{row['title']} ({row['year'] or 'n.d.'})" + ("" if row["pages"] else " · notes")
