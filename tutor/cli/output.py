"""How commands print, report progress and read lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tutor.errors import InputError, TutorError
from tutor.sanitize import plain_text
from tutor.settings import Settings, load_settings

if TYPE_CHECKING:
    from tutor.app import Tutor

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
JsonLines = Annotated[
    str | None, typer.Option("--jsonl", help="'-': one JSON object a line on stdin.")
]
NoModel = Annotated[bool, typer.Option("--no-model", help="Quote the sources, without a model.")]
StageOption = Annotated[int | None, typer.Option("--stage", min=1, max=7)]


def emit(data: dict[str, Any], as_json: bool, human: Callable[[dict[str, Any]], None]) -> None:
    """Print a result: one JSON object, or what `human` makes of it."""
    if as_json:
        write_json(data)
    else:
        human(data)


def write_json(data: dict[str, Any]) -> None:
    """One line of JSON; characters that stdout can't take (half a surrogate pair) are escaped."""
    line = json.dumps(data, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        line = json.dumps(data)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on stderr; it appears with the first report."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def report(stage: str, fraction: float) -> None:
        bar.start()
        if stage not in tasks:
            for task in tasks.values():
                bar.update(task, visible=False)
            tasks[stage] = bar.add_task(stage, total=1.0)
        bar.update(tasks[stage], completed=fraction)

    try:
        yield report
    finally:
        if tasks:
            bar.stop()


def run_lines(source: str, work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """One JSON reply for each line of stdin, in order; a bad line gets {"error": …}.

    Raises:
        typer.Exit: With code 1 when any line failed.
    """
    if source != "-":
        raise typer.BadParameter("only '-' (standard input) is known", param_hint="--jsonl")
    failed = False
    for raw in sys.stdin.buffer:
        if not raw.strip():
            continue
        given: Any = None
        try:
            given = json.loads(raw.decode("utf-8"))
            if not isinstance(given, dict):
                raise InputError("The line is not a JSON object.")
            reply = work(given)
        except (TutorError, ValueError, RecursionError) as error:
            failed = True
            reply = {"error": str(error) or type(error).__name__}
            if isinstance(given, dict) and "id" in given:
                reply["id"] = given["id"]
        write_json(reply)
    if failed:
        raise typer.Exit(1)


def field(given: dict[str, Any], name: str, kind: type, default: Any = ...) -> Any:
    """A field of a line, checked.

    Raises:
        InputError: It is missing or of another type.
    """
    value = given.get(name, default)
    if value is ...:
        raise InputError(f"The field '{name}' is missing.")
    wrong_bool = isinstance(value, bool) and kind is not bool
    if value is not default and (wrong_bool or not isinstance(value, kind)):
        raise InputError(f"The field '{name}' must be of type {kind.__name__}.")
    return value


@contextmanager
def opened(
    settings: Settings | None = None, *, model: bool = False, index: bool = True
) -> Iterator[Tutor]:
    """A Tutor for one command, closed at its end.

    Args:
        settings: Defaults to the environment's.
        model: Connect to a language model, starting one if none runs.
        index: Make the index ready; without embeddings BM25 serves alone.
    """
    from tutor.app import Tutor

    tutor = Tutor(settings or load_settings(), use_model=model)
    try:
        with progress() as report:
            if index:
                if tutor.embeddings_or_none(report) is not None:
                    tutor.library.prepare(report)
            if model:
                tutor.connect(report)
        yield tutor
    finally:
        tutor.close()


def console() -> Any:
    """Rich's console for results."""
    from rich.console import Console

    return Console()


def markdown(text: str) -> None:
    """Print Markdown."""
    from rich.markdown import Markdown

    console().print(Markdown(text))


def table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    """Print a table."""
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(*columns, title=title)
    for row in rows:
        # Cells hold titles and texts of papers: no control character may reach the terminal.
        drawn.add_row(*("" if cell is None else escape(plain_text(str(cell))) for cell in row))
    console().print(drawn)
