"""quiz, grade, roadmap, next, progress, review, export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tutor.cli.output import (
    Json,
    JsonLines,
    NoModel,
    StageOption,
    emit,
    markdown,
    opened,
    progress,
    run_lines,
    table,
)  # fmt: skip
from tutor.exercises.question import Kind, Source

app = typer.Typer()


@app.command()
def quiz(
    stage: StageOption = None,
    topic: Annotated[str | None, typer.Option()] = None,
    paper: Annotated[str | None, typer.Option()] = None,
    n: Annotated[int, typer.Option("--n", min=1, max=100)] = 5,
    kind: Annotated[Kind | None, typer.Option()] = None,
    source: Annotated[Source | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    with_key: Annotated[bool, typer.Option("--with-key")] = False,
    no_model: NoModel = False,
    as_json: Json = False,
) -> None:
    """Questions on a stage, a topic or a paper."""
    if sum(value is not None for value in (stage, topic, paper)) != 1:
        raise typer.BadParameter("give exactly one of --stage, --topic, --paper")
    generated = source == "generated"
    with opened(model=generated and not no_model, index=generated) as tutor:
        questions = tutor.study.quiz(
            n, stage=stage, topic=topic, paper=paper, kind=kind, source=source, seed=seed
        )
    data = {"questions": [question.to_dict(with_key) for question in questions]}

    def human(_data: dict[str, Any]) -> None:
        from tutor.replies import question_markdown

        for number, question in enumerate(questions, start=1):
            markdown(f"**{number}.** {question_markdown(question)}\n\n`{question.id}`")

    emit(data, as_json, human)


@app.command()
def grade(
    question: Annotated[str | None, typer.Option(help="Id of a question.")] = None,
    answer: Annotated[
        str | None, typer.Option(help="Its text; for a lab the code, or @ and a file's path.")
    ] = None,
    as_json: Json = False,
    jsonl: JsonLines = None,
) -> None:
    """Check an answer."""
    from tutor.exercises.grade import grade as grade_answer
    from tutor.exercises.grade import grade_payload
    from tutor.exercises.question import questions_by_id

    given = (question is not None, answer is not None)
    if given != ((True, True) if jsonl is None else (False, False)):
        raise typer.BadParameter("give --question and --answer, or --jsonl -")
    with opened(index=False) as tutor:
        if jsonl is None and str(question).startswith("lab:"):
            emit(*graded_code(str(question), str(answer), as_json))
            return
        with progress() as report:
            embedder = tutor.embeddings_or_none(report)
        if jsonl is not None:
            run_lines(jsonl, lambda line: grade_payload(line, embedder=embedder).to_dict())
            return
        asked = questions_by_id(str(question), tutor.store)
        result = grade_answer(asked, str(answer), embedder=embedder, reveal=True)

    def human(_data: dict[str, Any]) -> None:
        from tutor.replies import grade_markdown

        markdown(grade_markdown(asked, result))

    emit(result.to_dict(), as_json, human)


def graded_code(
    question: str, answer: str, as_json: bool
) -> tuple[dict[str, Any], bool, Callable[[dict[str, Any]], None]]:
    """A lab's grade with the result of each test; an answer like @file.py is read from the file."""
    from tutor.errors import InputError
    from tutor.exercises.code import grade_code, lab_of, lab_question
    from tutor.replies import grade_markdown

    lab = lab_of(question.removeprefix("lab:"))
    source = answer
    if answer.startswith("@"):
        try:
            source = Path(answer[1:]).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InputError(
                f"{answer[1:]} can't be read: {getattr(error, 'strerror', None) or error}.",
                "Give the code itself, or @ and the path of a Python file.",
            ) from error
    result = grade_code(lab, source)

    def human(_data: dict[str, Any]) -> None:
        markdown(grade_markdown(lab_question(lab.id), result.grade))
        table("Tests", ["", "test"], [["✓" if t.passed else "✗", t.name] for t in result.tests])

    tests = [asdict(test) for test in result.tests]
    return {**result.grade.to_dict(), "tests": tests, "stdout": result.stdout}, as_json, human


@app.command()
def roadmap(stage: StageOption = None, as_json: Json = False) -> None:
    """The seven stages with their topics and your mastery."""
    with opened(index=False) as tutor:
        data = tutor.study.roadmap(tutor.settings.learner)
    if stage is not None:
        data["stages"] = [s for s in data["stages"] if s["n"] == stage]

    def human(data: dict[str, Any]) -> None:
        for one in data["stages"]:
            rows: list[list[object]] = [
                [
                    m["id"],
                    t["id"],
                    t["title"],
                    "–" if t["mastery"] is None else f"{t['mastery']:.0%}",
                ]
                for m in one["modules"]
                for t in m["topics"]
            ]
            table(f"Stage {one['n']}: {one['title']}", ["", "id", "topic", "mastery"], rows)

    emit(data, as_json, human)


@app.command("next")
def next_(as_json: Json = False) -> None:
    """What to study now, and why."""
    from tutor.replies import next_markdown

    with opened(index=False) as tutor:
        data = tutor.study.next_step(tutor.settings.learner).to_dict()
    emit(data, as_json, lambda step: markdown(next_markdown(step)))


@app.command("progress")
def progress_(
    hours: Annotated[
        float | None, typer.Option(help="Hours a week, for a plan with dates; 0 drops the plan.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, as 2026-12-01.")] = None,
    goal: Annotated[
        int | None, typer.Option(min=1, max=7, help="Stage to reach; without it all seven.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Your mastery of each topic, and your plan with dates."""
    from datetime import UTC, datetime

    from tutor.learner.pace import keep_pace, plan_of
    from tutor.learner.timetable import Pace
    from tutor.replies import plan_markdown, progress_markdown

    if hours is None and (start or goal):
        raise typer.BadParameter("--start and --goal go with --hours")
    first = _day(start)
    with opened(index=False) as tutor:
        learner, now = tutor.settings.learner, datetime.now(UTC)
        if hours is not None:
            keep_pace(tutor.store, learner, Pace(hours, first, goal) if hours else None, now)
        plan = plan_of(tutor.store, learner, now)
        data = {**tutor.study.progress(learner), "plan": plan.to_dict() if plan else None}

    def human(rows: dict[str, Any]) -> None:
        markdown(progress_markdown(rows))
        if plan is not None:
            markdown(plan_markdown(plan))

    emit(data, as_json, human)


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--start is a day such as 2026-12-01") from None


@app.command()
def review(as_json: Json = False) -> None:
    """Reviews that are due."""
    with opened(index=False) as tutor:
        due = tutor.study.progress(tutor.settings.learner)["due"]

    def human(data: dict[str, Any]) -> None:
        rows: list[list[object]] = [[r["topic"], r["due"]] for r in data["due"]]
        table("Reviews due", ["topic", "since"], rows)

    emit({"due": due}, as_json, human)


@app.command()
def export(
    form: Annotated[Literal["anki", "markdown", "json"], typer.Argument()],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    stage: StageOption = None,
    as_json: Json = False,
) -> None:
    """Write items and lessons to a file: an Anki deck, Markdown or JSON."""
    from tutor.exercises.export import export_study

    counts = export_study(form, out, stage=stage)
    data = {"file": str(out), "form": form, **counts}
    emit(data, as_json, lambda d: print(f"{d['file']} was written: {counts}"))
