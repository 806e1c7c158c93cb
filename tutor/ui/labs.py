"""The Labs tab: write code, run the hidden tests on it, read what each has to say."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from corpus.labs import Lab, load_labs
from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.exercises.code import CodeGrade
from tutor.ui.render import LATEX, demoted

HINTS = "\n## Hints\n"  # ends every task; corpus.check sees to it
AT_ONCE = 2  # runs beside each other; each may take a core


def build_labs(tutor: Tutor, learner: Any) -> gr.Tab:
    """Lay out the tab and wire it."""
    labs = load_labs()
    first = next(iter(labs.values()))
    with gr.Tab("Labs", id="labs") as tab:
        with gr.Row(elem_id="lab-bar"):
            chosen = gr.Dropdown(
                [(lab_label(lab), lab.id) for lab in labs.values()], value=first.id, label="Lab",
                elem_id="lab", scale=4,
            )  # fmt: skip
            best = gr.Markdown(elem_id="lab-best")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                task = gr.Markdown(
                    task_markdown(first), latex_delimiters=LATEX, elem_id="lab-task",
                    elem_classes="lesson",
                )  # fmt: skip
                with gr.Accordion("Hints", open=False, elem_id="lab-hints") as fold:
                    hints = gr.Markdown(
                        hints_markdown(first), latex_delimiters=LATEX, elem_classes="lesson"
                    )
            with gr.Column(scale=3, min_width=300):
                editor = gr.Code(
                    first.starter, language="python", label="Your code", lines=18, max_lines=40,
                    elem_id="lab-code", interactive=True,
                )  # fmt: skip
                with gr.Row():
                    run = gr.Button("Run the tests", variant="primary", elem_id="lab-run")
                    reset = gr.Button("Start over", elem_id="lab-reset")
                results = gr.HTML(elem_id="lab-results")
                output = gr.Textbox(
                    label="What your code printed", lines=3, max_lines=12, visible=False,
                    elem_id="lab-output",
                )  # fmt: skip

    def attempts(lab: Lab, request: gr.Request) -> list[dict[str, Any]]:
        rows = tutor.store.attempts(learner(request), topic=lab.topic)
        return [row for row in rows if row["question_id"] == f"lab:{lab.id}"]

    def record(lab_id: str, request: gr.Request) -> str:
        return best_markdown(attempts(labs[lab_id], request))

    def show(lab_id: str, request: gr.Request) -> tuple[Any, ...]:
        lab = labs[lab_id]
        tried = attempts(lab, request)
        code = tried[-1]["answer"] if tried else lab.starter
        hidden, closed = gr.update(visible=False), gr.update(open=False)
        texts = task_markdown(lab), hints_markdown(lab), closed
        return *texts, code, best_markdown(tried), "", hidden

    def check(lab_id: str, code: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        yield waiting_html(labs[lab_id]), gr.update(visible=False), gr.skip()
        try:
            result = tutor.study.submit_code(lab_id, code or "", learner=learner(request))
        except TutorError as error:
            yield f'<p role="alert">⚠ {escape(str(error))}</p>', gr.skip(), gr.skip()
            return
        yield (
            results_html(result),
            gr.update(value=result.stdout, visible=bool(result.stdout)),
            best_markdown(attempts(labs[lab_id], request)),
        )

    shown = [task, hints, fold, editor, best, results, output]
    chosen.change(show, chosen, shown, show_progress="hidden")
    tab.select(record, chosen, best, show_progress="hidden")
    run.click(
        check, [chosen, editor], [results, output, best], concurrency_limit=AT_ONCE,
        concurrency_id="sandbox", show_progress="hidden",
    )  # fmt: skip
    reset.click(
        lambda lab_id: (labs[lab_id].starter, "", gr.update(visible=False)),
        chosen, [editor, results, output], show_progress="hidden",
    )  # fmt: skip
    return tab


def lab_label(lab: Lab) -> str:
    """A lab in the list: the number of its stage, and its title."""
    return f"{load_roadmap().stage_of(lab.topic)} · {lab.title}"


def task_markdown(lab: Lab) -> str:
    """Where the lab belongs, what it is for, and its task without the hints."""
    topic = load_roadmap().topic(lab.topic)
    place = f"Stage {load_roadmap().stage_of(lab.topic)} · {topic.title}"
    head = f"*{place} · about {lab.minutes} minutes · difficulty {lab.difficulty} of 5*"
    return f"{head}\n\n{demoted(lab.task.partition(HINTS)[0])}"


def hints_markdown(lab: Lab) -> str:
    """The hints, which a learner opens when stuck."""
    return lab.task.partition(HINTS)[2].strip()


def best_markdown(tried: list[dict[str, Any]]) -> str:
    """The learner's best result in a lab."""
    if not tried:
        return "Not tried yet"
    score = max(row["score"] for row in tried)
    times = "attempt" if len(tried) == 1 else "attempts"
    return f"{'✓ Solved' if score == 1 else f'Best: {score:.0%}'} · {len(tried)} {times}"


def waiting_html(lab: Lab) -> str:
    """Shown while the tests run."""
    long = "up to a minute" if "torch" in lab.packages else "some seconds"
    return f'<p role="status">Running the hidden tests; this takes {long} …</p>'


def results_html(result: CodeGrade) -> str:
    """One line a test; what a failed one has to say beneath it, each message once."""
    passed = sum(test.passed for test in result.tests)
    head = f"{passed} of {len(result.tests)} tests pass" if result.tests else "No test was run"
    lines = []
    said: set[str] = set()
    for test in result.tests:
        mark, kind = ("✓", "passed") if test.passed else ("✗", "failed")
        note = ""
        if not test.passed:
            message = "The same as above." if test.message in said else test.message
            note = f"<br>{escape(message)}"
            said.add(test.message)
        name = f"<strong>{escape(test.name)}</strong>"
        lines.append(f'<li class="{kind}"><span>{mark}</span> {name}{note}</li>')
    listed = f'<ul class="lab-tests">{"".join(lines)}</ul>' if lines else ""
    note = "" if result.tests else f"<p>{escape(result.grade.feedback)}</p>"
    stopped = f"<p>{escape(result.stopped)}</p>" if result.stopped and result.tests else ""
    return f'<div role="status"><h3>{head}</h3>{note}{stopped}{listed}</div>'
