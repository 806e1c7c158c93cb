"""ask, search, route, summarize."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tutor import replies
from tutor.cli.output import (
    Json,
    JsonLines,
    NoModel,
    StageOption,
    console,
    emit,
    field,
    markdown,
    opened,
    progress,
    run_lines,
    table,
)  # fmt: skip
from tutor.errors import InputError, TutorError
from tutor.sanitize import safe_markdown

app = typer.Typer()


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument()] = None,
    mode: Annotated[Literal["explain", "socratic"], typer.Option()] = "explain",
    session: Annotated[str | None, typer.Option(help="Go on with a session of the chat.")] = None,
    no_model: NoModel = False,
    as_json: Json = False,
    jsonl: JsonLines = None,
) -> None:
    """Answer a question from the library, every sentence with its sources."""
    from tutor.agent import Agent
    from tutor.answer import Answer
    from tutor.events import Turn

    if (question is None) == (jsonl is None):
        raise typer.BadParameter("give a question, or --jsonl -")
    if question is not None and not question.strip():
        raise InputError("The question is empty.", "Say what you want to know.")
    with opened(model=not no_model) as tutor:

        def answered(text: str) -> dict[str, Any]:
            if session is None:
                parts = tutor.ask(text, mode=mode)
                return next(part for part in parts if isinstance(part, Answer)).to_dict()
            agent = Agent(tutor)
            try:
                turns = agent.chat(text, session, mode=mode, intent="explain")
                turn = next(event for event in turns if isinstance(event, Turn))
            finally:
                agent.close()
            if turn.payload["type"] == "error":
                raise TutorError(turn.content)
            return {name: value for name, value in turn.payload.items() if name != "type"}

        if jsonl is not None:
            run_lines(jsonl, lambda line: answered_line(line, answered))
            return
        emit(answered(str(question)), as_json, show_answer)


def show_answer(data: dict[str, Any]) -> None:
    """Print an answer and its sources."""
    markdown(data["answer"])
    for citation in data["citations"]:
        where = replies.source_line(citation)
        markdown(f"**[{citation['n']}]** {where}: “{safe_markdown(citation['quote'])}”")
    if data["reason"] and not data["refused"]:
        markdown(f"*{data['reason']}*")


def answered_line(
    line: dict[str, Any], answered: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """The reply to one line of `ask --jsonl`."""
    question = field(line, "question", str)
    if not question.strip():
        raise InputError("The question is empty.")
    answer = answered(question)
    return {**answer, "id": line.get("id", answer["id"])}


@app.command()
def search(
    query: Annotated[str | None, typer.Argument()] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100)] = 10,
    kind: Annotated[Literal["lesson", "paper"] | None, typer.Option()] = None,
    stage: StageOption = None,
    paper: Annotated[str | None, typer.Option(help="Only this document.")] = None,
    as_json: Json = False,
    jsonl: JsonLines = None,
) -> None:
    """Find passages in lessons and papers."""
    if (query is None) == (jsonl is None):
        raise typer.BadParameter("give a query, or --jsonl -")
    with opened() as tutor:

        def found(text: str, wanted: int) -> dict[str, Any]:
            retrieval = tutor.search(text, wanted, kind=kind, stage=stage, paper=paper)
            passages = [passage.to_dict() for passage in retrieval.passages]
            return {"passages": passages, "timings_ms": retrieval.timings_ms}

        def line_found(line: dict[str, Any]) -> dict[str, Any]:
            wanted = field(line, "k", int, k)
            if not 1 <= wanted <= 100:
                raise InputError("The field 'k' must lie between 1 and 100.")
            return {"id": line.get("id"), **found(field(line, "query", str), wanted)}

        if jsonl is not None:
            run_lines(jsonl, line_found)
            return

        def human(data: dict[str, Any]) -> None:
            rows = [
                [f"{p['score']:.2f}", p["title"], p["section"], p["page"], p["text"][:160]]
                for p in data["passages"]
            ]
            table("Passages", ["score", "title", "section", "page", "text"], rows)

        emit(found(str(query), k), as_json, human)


@app.command()
def route(
    text: Annotated[str | None, typer.Argument()] = None,
    as_json: Json = False,
    jsonl: JsonLines = None,
) -> None:
    """Say what a message asks for."""
    from tutor.router import RouteContext

    if (text is None) == (jsonl is None):
        raise typer.BadParameter("give a text, or --jsonl -")
    with opened(index=False) as tutor:
        with progress() as report:
            tutor.embeddings_or_none(report)
            router = tutor.prepare_router()

        def line_routed(line: dict[str, Any]) -> dict[str, Any]:
            given = field(line, "context", dict, {}) or {}
            context = RouteContext(
                open_question=field(given, "open_question", bool, False),
                uploaded_pdf=field(given, "uploaded_pdf", bool, False),
                last_action=field(given, "last_action", str, None),
            )
            routed = router.route(field(line, "text", str), context)
            return {"id": line.get("id"), **routed.to_dict()}

        if jsonl is not None:
            run_lines(jsonl, line_routed)
            return

        def human(data: dict[str, Any]) -> None:
            console().print(f"{data['intent']} ({data['confidence']:.2f})", data["slots"] or "")

        emit(router.route(str(text)).to_dict(), as_json, human)


@app.command()
def summarize(
    target: Annotated[str, typer.Argument(metavar="ARXIV_ID|FILE.pdf")],
    no_model: NoModel = False,
    as_json: Json = False,
) -> None:
    """Summarise a paper; every bullet with its page and a quote that stands there."""
    with opened(model=not no_model, index=False) as tutor, progress() as report:
        summary = tutor.summarize(Path(target) if os.path.exists(target) else target, report)
    emit(summary.to_dict(), as_json, lambda _: markdown(replies.summary_markdown(summary)))
