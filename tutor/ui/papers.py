"""The Papers tab: the library, a summary beside its pages, questions on one paper, reading list."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.answer import Answer
from tutor.app import Tutor
from tutor.errors import NotFoundError, TutorError
from tutor.exercises.question import Question
from tutor.exercises.quiz import QuizSession
from tutor.ingest.terms import match_topics
from tutor.library import papers as library
from tutor.library.citations import Citations, Cited
from tutor.sanitize import safe_markdown
from tutor.ui.reader import (
    DRAWING,
    NO_SPOTS,
    SHOW,
    Spots,
    answer_view,
    build_reader,
    link,
    summary_view,
)
from tutor.ui.render import LATEX

STATUSES = [
    ("Not on my list", ""),
    ("Want to read", "want"),
    ("Reading", "reading"),
    ("Read", "read"),
]
STATUS_NAMES = {status: name for name, status in STATUSES if status}
SHELVES = [("All papers", ""), ("With full text", "full"), ("My reading list", "list")]
SHELVES += [(f"My reading list: {name.lower()}", status) for status, name in STATUS_NAMES.items()]
QUESTIONS = 5  # of a quiz on a paper
WELCOME = "Choose a paper, then read its summary or ask a question about it."
# On a phone the summary is below what asks for it.
SHOW_VIEW = """() => {
  const view = document.querySelector("#paper-view");
  if (innerWidth <= 640 && view) view.scrollIntoView({ block: "start" });
}"""


def build_papers(
    tutor: Tutor, learner: Any, tabs: gr.Tabs, topic: gr.State, quiz: gr.State
) -> gr.Tab:
    """Lay out the tab and wire it.

    Args:
        topic: A topic that the Roadmap tab is to show.
        quiz: A quiz that the Quiz tab is to run.
    """
    with gr.Tab("Papers", id="papers") as tab, gr.Row(elem_id="papers-row"):
        with gr.Column(scale=2, min_width=270, elem_id="paper-controls"):
            shelf = gr.Dropdown(
                SHELVES, value="", label="Show", elem_id="paper-shelf", filterable=False
            )
            chosen = gr.Dropdown([], label="Paper", elem_id="paper", filterable=True)
            status = gr.Radio(STATUSES, value="", label="Reading list", elem_id="paper-status")
            with gr.Row(elem_id="paper-actions"):
                summarize = gr.Button("Summarize", variant="primary", elem_id="summarize")
                leaf = gr.Button("Show its pages", elem_id="paper-pages")
                test = gr.Button("Quiz me on it", elem_id="paper-quiz")
                cited = gr.Button("What it cites", elem_id="paper-citations")
                news = gr.Button("News from arXiv", elem_id="paper-news")
                halt = gr.Button("Stop", variant="stop", elem_id="paper-stop", visible=False)
            question = gr.Textbox(label="Ask within this paper", elem_id="paper-question")
            ask = gr.Button("Ask", elem_id="paper-ask")
            upload = gr.File(
                label="Add papers (PDF, Markdown, text)", file_count="multiple", elem_id="upload",
                file_types=[".pdf", ".md", ".markdown", ".txt"], height=150,
            )  # fmt: skip
            outcome = gr.Markdown(elem_id="upload-outcome")
        with gr.Column(scale=3, min_width=300):
            shown = gr.Markdown(
                WELCOME, latex_delimiters=LATEX, elem_id="paper-view", elem_classes="lesson"
            )
        reader = build_reader(tutor)

    def listed(kept: str, request: gr.Request) -> Any:
        rows = shelf_rows(tutor, learner(request), kept)
        return gr.update(choices=[(_label(row), row["doc_id"]) for row in rows])

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

    running: dict[str, threading.Event] = {}  # summaries being made, by the browser's session

    def summary(
        doc_id: str | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[tuple[str, Spots, Any]]:
        name = _chosen(doc_id)
        session = str(request.session_hash)
        cancel = running[session] = threading.Event()
        yield "*Reading …*", NO_SPOTS, gr.update(visible=True)
        try:
            found = tutor.summarize(name, lambda text, done: progress(done, desc=text), cancel)
            text, spots = summary_view(tutor, found)
            yield news_line(tutor, found.doc_id) + text, spots, gr.update(visible=False)
        except TutorError as error:
            yield f"⚠ {error}", NO_SPOTS, gr.update(visible=False)
        finally:
            if running.get(session) is cancel:
                del running[session]

    def stop(request: gr.Request) -> None:
        if cancel := running.get(str(request.session_hash)):
            cancel.set()

    def ask_arxiv() -> Iterator[tuple[str, Spots]]:
        yield "*Asking arXiv …*", NO_SPOTS
        try:
            yield news_view(library.refresh_papers(tutor.library, tutor.arxiv)), NO_SPOTS
        except TutorError as error:
            yield f"⚠ {error}", NO_SPOTS

    def answer(doc_id: str | None, text: str) -> Iterator[tuple[str, Spots]]:
        name = _chosen(doc_id)
        if not text.strip():
            raise gr.Error("Type a question first.", print_exception=False)
        yield "*Searching …*", NO_SPOTS
        try:
            draft = ""
            for part in tutor.ask(text, paper=name):
                if isinstance(part, Answer):
                    reply, spots = answer_view(tutor, name, part)
                    yield f"**{safe_markdown(text.strip())}**\n\n{reply}", spots
                else:
                    draft += part
                    yield draft, NO_SPOTS
        except TutorError as error:
            yield f"⚠ {error}", NO_SPOTS

    def neighbours(doc_id: str | None) -> Iterator[tuple[str, Spots]]:
        name = _chosen(doc_id)
        yield "*Reading the references …*", NO_SPOTS
        try:
            yield citations_view(tutor.library.citations(name)), NO_SPOTS
        except TutorError as error:
            yield f"⚠ {error}", NO_SPOTS

    def pages(doc_id: str | None) -> tuple[Any, ...]:
        return reader.show(_chosen(doc_id), 1)

    def begin_quiz(doc_id: str | None, request: gr.Request) -> tuple[Any, Any]:
        try:
            questions = paper_questions(tutor, _chosen(doc_id), learner(request))
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        own = sum(question.source == "generated" for question in questions)
        if own < len(questions):
            gr.Info(f"From its text: {_count(own, 'question')}. The others are on its topics.")
        state = {"state": QuizSession(questions).to_state(), "nonce": uuid.uuid4().hex}
        return state, gr.update(selected="quiz")

    def choose(doc_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        rows = tutor.store.reading_list(learner(request))
        found = next((row["status"] for row in rows if row["doc_id"] == doc_id), "")
        return found, gr.update(visible=False), None

    def note(doc_id: str | None, given: str, kept: str, request: gr.Request) -> Any:
        name = _chosen(doc_id)
        rows = {row["doc_id"]: row for row in shelf_rows(tutor, learner(request), "")}
        title = rows[name]["title"] if name in rows else name
        try:
            tutor.store.set_reading(learner(request), name, title, given)
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return listed(kept, request)

    def follow(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """A topic opens in the Roadmap tab, a paper is chosen here."""
        kind, name = str(getattr(event, "kind", "")), str(getattr(event, "name", ""))
        if kind == "topic" and any(t.id == name for t in load_roadmap().topics()):
            return {"topic": name, "nonce": uuid.uuid4().hex}, gr.skip(), gr.skip()
        if name not in load_papers():
            return tuple(gr.skip() for _ in range(3))
        paper = {**listed("", request), "value": f"arxiv:{name}"}
        return gr.skip(), gr.update(value=""), paper

    tab.select(listed, shelf, chosen, show_progress="hidden")
    shelf.input(listed, shelf, chosen, show_progress="hidden")
    adding = upload.upload(
        add, upload, [outcome, chosen], concurrency_limit=1, show_progress_on=outcome
    )
    adding.then(listed, shelf, chosen, show_progress="hidden")
    chosen.change(choose, chosen, [status, reader.pane, reader.view], show_progress="hidden")
    status.input(note, [chosen, status, shelf], chosen, show_progress="hidden")
    view = [shown, reader.spots]
    summarize.click(summary, chosen, [*view, halt]).then(js=SHOW_VIEW)
    halt.click(stop, None, None, show_progress="hidden")
    news.click(ask_arxiv, None, view, concurrency_limit=1).then(
        listed, shelf, chosen, show_progress="hidden"
    ).then(js=SHOW_VIEW)
    ask.click(answer, [chosen, question], view).then(js=SHOW_VIEW)
    question.submit(answer, [chosen, question], view).then(js=SHOW_VIEW)
    cited.click(neighbours, chosen, view).then(js=SHOW_VIEW)
    leaf.click(pages, chosen, reader.outputs, show_progress="hidden", **DRAWING).then(js=SHOW)
    test.click(begin_quiz, chosen, [quiz, tabs], show_progress_on=test)
    reader.links.select(follow, None, [topic, shelf, chosen], show_progress="hidden")
    return tab


def citations_view(found: Citations) -> str:
    """What a paper cites and what cites it, as lists whose key papers are links."""

    def listed(papers: Sequence[Cited]) -> str:
        lines = []
        for paper in papers:
            name = paper.doc_id.removeprefix("arxiv:")
            known = name in load_papers()
            title = link("paper", name, paper.title) if known else safe_markdown(paper.title)
            lines.append(f"- {title}" + (f" ({paper.year})" if paper.year else ""))
        return "\n".join(lines) or "- none of the papers known here"

    count = _count(found.references, "reference")
    cites = f"**It cites**, of its {count}" if found.references else "**It cites** (notes alone)"
    return f"{cites}\n{listed(found.cites)}\n\n**It is cited by**\n{listed(found.cited_by)}"


def news_line(tutor: Tutor, doc_id: str) -> str:
    """What arXiv said of a paper that a reader should know first; empty for nothing."""
    try:
        rows = library.list_papers(tutor.library)
    except TutorError:  # the summary is shown all the same
        return ""
    said: list[str] = next((row["news"] for row in rows if row["doc_id"] == doc_id), [])
    return "".join(f"> arXiv: {safe_markdown(line)}\n\n" for line in said)


def news_view(rows: Sequence[dict[str, Any]]) -> str:
    """What arXiv says that is new about papers of the library."""
    told = sum(bool(row["checked"]) for row in rows)
    lines = [
        f"- {safe_markdown(row['title'])}: {safe_markdown('; '.join(row['news']))}"
        for row in rows
        if row["news"]
    ]
    listed = "\n".join(lines) or "- nothing new"
    return f"**arXiv told about {_count(told, 'paper')}**\n{listed}"


def paper_questions(tutor: Tutor, doc_id: str, learner: str) -> list[Question]:
    """A quiz made from a paper's own passages; what is missing comes from the bank on its topics.

    Raises:
        NotFoundError: Nothing can be asked on it.
    """
    name = doc_id.removeprefix("arxiv:")
    made: list[Question] = []
    try:
        made += tutor.study.quiz(QUESTIONS, paper=name, source="generated", learner=learner)
    except NotFoundError:
        pass  # few sentences of a paper make a question as long as there is no model
    missing = QUESTIONS - len(made)
    if missing and name in load_papers():
        made += tutor.study.quiz(missing, paper=name)
    elif missing:
        topics = match_topics(tutor.library.document(doc_id))
        made += tutor.study.quiz(missing, topic=topics[0]) if topics else []
    if not made:
        raise NotFoundError(
            "Nothing could be asked on this paper.", "Quiz yourself on a topic in the Quiz tab."
        )
    return made


def shelf_rows(tutor: Tutor, learner: str, shelf: str) -> list[dict[str, Any]]:
    """The papers of a shelf with their "status"; those of the reading list are always known."""
    try:
        rows = {row["doc_id"]: row for row in library.list_papers(tutor.library)}
    except TutorError:
        rows = {}
    statuses = {}
    for entry in tutor.store.reading_list(learner):
        statuses[entry["doc_id"]] = entry["status"]
        unknown = {"title": entry["title"], "year": None, "pages": None}
        rows.setdefault(entry["doc_id"], {"doc_id": entry["doc_id"], **unknown})
    for doc_id, row in rows.items():
        row["status"] = statuses.get(doc_id, "")
    if shelf == "list" or shelf in STATUS_NAMES:
        return [rows[name] for name in statuses if shelf in {"list", statuses[name]}]
    return [row for row in rows.values() if row["pages"] or shelf != "full"]


def _chosen(doc_id: str | None) -> str:
    if not doc_id:
        raise gr.Error("Choose a paper first.", print_exception=False)
    return doc_id


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _label(row: dict[str, Any]) -> str:
    status = STATUS_NAMES.get(row["status"], "").lower()
    notes = "" if row["pages"] else "notes"
    taken_back = "withdrawn" if row.get("withdrawn") else ""
    held, latest = row.get("version"), row.get("latest_version")
    newer = f"version {latest} is out" if held and latest and latest > held else ""
    marks = "".join(f" · {mark}" for mark in (notes, status, taken_back or newer) if mark)
    return f"{row['title']} ({row['year'] or 'n.d.'}){marks}"
