"""The Quiz tab: one question at a time, with feedback, hints and the source."""

from __future__ import annotations

from typing import Any

import gradio as gr

from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.exercises.closed import letter
from tutor.exercises.hints import hint_ladder
from tutor.exercises.question import Kind
from tutor.exercises.quiz import QuizSession
from tutor.replies import grade_markdown, score_markdown
from tutor.ui.render import LATEX

KINDS = [
    ("Mixed", ""),
    ("Multiple choice", "choice"),
    ("Numbers", "numeric"),
    ("Short text", "text"),
]
COUNTS = [3, 5, 10, 20]
ANY_TOPIC = ("All topics of the stage", "")
# Nobody has to tab back to the answer; where one was just checked the focus stays.
FOCUS_ON_ANSWER = """() => setTimeout(() => {
  if (document.querySelector("#quiz-feedback")?.textContent.trim()) return;
  document.querySelector("#quiz-options input, #quiz-answer textarea, #quiz-answer input")?.focus();
}, 100)"""


def build_quiz(tutor: Tutor, learner: Any) -> gr.Tab:
    """Lay out the tab and wire it."""
    roadmap = load_roadmap()
    with gr.Tab("Quiz", id="quiz") as tab:
        with gr.Row(elem_id="quiz-bar"):
            stage = gr.Dropdown(
                [(f"{s.n}. {s.title}", s.n) for s in roadmap.stages], value=1, label="Stage",
                elem_id="quiz-stage", scale=3,
            )  # fmt: skip
            topic = gr.Dropdown(_topics(1), value="", label="Topic", elem_id="quiz-topic", scale=3)
            kind = gr.Dropdown(KINDS, value="", label="Kind", elem_id="quiz-kind", scale=2)
            count = gr.Dropdown(
                COUNTS, value=5, label="Questions", elem_id="quiz-count", scale=1, min_width=100
            )
        start = gr.Button("Start the quiz", variant="primary", elem_id="quiz-start")
        state = gr.State(None)
        hints = gr.State(0)
        asked = gr.State(0)  # the position that the card shows; the quiz may be one further
        with gr.Column(visible=False, elem_classes="card") as card:
            place = gr.Markdown(elem_id="quiz-place")
            prompt = gr.Markdown(elem_id="quiz-prompt", latex_delimiters=LATEX)
            options = gr.Radio(
                [], label="Your choice", elem_id="quiz-options", elem_classes="option-list"
            )
            text = gr.Textbox(label="Your answer", elem_id="quiz-answer", lines=1, max_lines=6)
            with gr.Row():
                submit = gr.Button("Check", variant="primary", elem_id="quiz-check")
                hint = gr.Button("Hint", elem_id="quiz-hint")
            feedback = gr.Markdown(elem_id="quiz-feedback", latex_delimiters=LATEX)

    shown = [hints, asked, card, place, prompt, options, text, submit, hint, feedback]

    def begin(n: int, topic_id: str, form: Kind | None, many: float) -> tuple[Any, ...]:
        try:
            questions = tutor.quiz(
                int(many), stage=None if topic_id else n, topic=topic_id or None, kind=form or None
            )
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        session = QuizSession(questions)
        return session.to_state(), *_asked(session)

    def check(
        saved: dict[str, Any], position: int, choice: int | None, words: str, request: gr.Request
    ) -> tuple[Any, ...]:
        session = QuizSession.from_state(saved)
        question = session.current
        if question is None:
            raise gr.Error("The quiz is over: start a new one.", print_exception=False)
        if session.position != position:
            return saved, *_asked(session)
        given = "" if choice is None else letter(choice)
        answer = given if question.kind == "choice" else words
        if not answer.strip():
            raise gr.Error("Answer first.", print_exception=False)
        try:
            grade, moved = tutor.submit(session, answer, learner=learner(request))
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        note = grade_markdown(question, grade, reveal=moved)
        if not moved:
            note += "\n\n*Try once more, or take a hint.*"
        elif session.current is None:
            note += f"\n\n{score_markdown(session)}"
        kept = [gr.skip()] * (len(shown) - 3)
        button = gr.update(
            value="Next question" if moved else "Check", visible=session.current is not None
        )
        return session.to_state(), *kept, button, gr.update(visible=not moved), note

    def give_hint(saved: dict[str, Any], step: int) -> tuple[Any, int]:
        question = QuizSession.from_state(saved).current
        if question is None:
            raise gr.Error("The quiz is over: start a new one.", print_exception=False)
        ladder = hint_ladder(question)
        step = min(step, len(ladder) - 1)
        return f"**Hint {step + 1} of {len(ladder)}.** {ladder[step]}", step + 1

    stage.change(
        lambda n: gr.update(choices=_topics(n), value=""), stage, topic, show_progress="hidden"
    )
    started = start.click(
        begin, [stage, topic, kind, count], [state, *shown], show_progress="hidden"
    )
    # A button and Enter do the same: check the answer, then go on.
    checked = gr.on(
        [submit.click, text.submit], check, [state, asked, options, text], [state, *shown],
        show_progress="hidden",
    )  # fmt: skip
    for done in (started, checked):
        done.then(js=FOCUS_ON_ANSWER)
    hint.click(give_hint, [state, hints], [feedback, hints], show_progress="hidden")
    return tab


def _topics(n: int) -> list[tuple[str, str]]:
    return [ANY_TOPIC, *((t.title, t.id) for t in load_roadmap().stages[n - 1].topics)]


def _asked(session: QuizSession) -> tuple[Any, ...]:
    """Updates of the card that put the current question."""
    question = session.current
    assert question is not None  # shown only while a question is open
    title = load_roadmap().topic(question.topic).title
    place = (
        f"Question {session.position + 1} of {len(session.questions)} · {title} · "
        f"difficulty {question.difficulty}"
    )
    listed = [(f"{letter(i)}. {o}", i) for i, o in enumerate(question.options or ())]
    unit = f" ({question.unit})" if question.unit else ""
    label = f"Your number{unit}" if question.kind == "numeric" else "Your answer"
    lines = 3 if question.kind == "text" else 1
    return (
        0,
        session.position,
        gr.update(visible=True),
        place,
        question.prompt,
        gr.update(choices=listed, value=None, visible=question.kind == "choice"),
        gr.update(value="", label=label, lines=lines, visible=question.kind != "choice"),
        gr.update(value="Check", visible=True),
        gr.update(visible=True),
        "",
    )
