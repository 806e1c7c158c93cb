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
ANY_TOPIC = ("All topics of the stage", "")


def build_quiz(tutor: Tutor, learner: Any) -> gr.Tab:
    """Lay out the tab and wire it."""
    roadmap = load_roadmap()
    with gr.Tab("Quiz", id="quiz") as tab:
        with gr.Row():
            stage = gr.Dropdown(
                [(f"{s.n}. {s.title}", s.n) for s in roadmap.stages], value=1, label="Stage",
                elem_id="quiz-stage", scale=3,
            )  # fmt: skip
            topic = gr.Dropdown(_topics(1), value="", label="Topic", elem_id="quiz-topic", scale=3)
            kind = gr.Dropdown(KINDS, value="", label="Kind", elem_id="quiz-kind", scale=2)
            count = gr.Slider(
                1, 20, value=5, step=1, label="Questions", elem_id="quiz-count", scale=2
            )
        start = gr.Button("Start the quiz", variant="primary", elem_id="quiz-start")
        state = gr.State(None)
        hints = gr.State(0)
        with gr.Column(visible=False) as card:
            place = gr.Markdown(elem_id="quiz-place")
            prompt = gr.Markdown(elem_id="quiz-prompt", latex_delimiters=LATEX)
            options = gr.Radio(
                [], label="Your choice", elem_id="quiz-options", elem_classes="option-list"
            )
            text = gr.Textbox(label="Your answer", elem_id="quiz-answer", lines=1, max_lines=6)
            with gr.Row():
                submit = gr.Button("Check", variant="primary", elem_id="quiz-check")
                hint = gr.Button("Hint", elem_id="quiz-hint")
                following = gr.Button("Next", visible=False, elem_id="quiz-next")
            feedback = gr.Markdown(elem_id="quiz-feedback", latex_delimiters=LATEX)

    shown = [card, place, prompt, options, text, submit, hint, following, feedback]

    def begin(n: int, topic_id: str, form: Kind | None, many: float) -> tuple[Any, ...]:
        try:
            questions = tutor.quiz(
                int(many), stage=None if topic_id else n, topic=topic_id or None, kind=form or None
            )
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        session = QuizSession(questions)
        return session.to_state(), 0, *_asked(session)

    def check(
        saved: dict[str, Any], choice: int | None, words: str, request: gr.Request
    ) -> tuple[Any, ...]:
        session = QuizSession.from_state(saved)
        question = session.current
        if question is None:
            raise gr.Error("The quiz is over: start a new one.", print_exception=False)
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
        hide = gr.update(visible=not moved)
        after = gr.update(visible=moved and session.current is not None)
        return session.to_state(), hide, hide, after, note

    def give_hint(saved: dict[str, Any], step: int) -> tuple[Any, int]:
        question = QuizSession.from_state(saved).current
        if question is None:
            raise gr.Error("The quiz is over: start a new one.", print_exception=False)
        ladder = hint_ladder(question)
        step = min(step, len(ladder) - 1)
        return f"**Hint {step + 1} of {len(ladder)}.** {ladder[step]}", step + 1

    def go_on(saved: dict[str, Any]) -> tuple[Any, ...]:
        return 0, *_asked(QuizSession.from_state(saved))

    stage.change(lambda n: gr.update(choices=_topics(n), value=""), stage, topic)
    start.click(begin, [stage, topic, kind, count], [state, hints, *shown])
    checked = [state, submit, hint, following, feedback]
    submit.click(check, [state, options, text], checked)
    text.submit(check, [state, options, text], checked)
    hint.click(give_hint, [state, hints], [feedback, hints])
    following.click(go_on, state, [hints, *shown])
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
        gr.update(visible=True),
        place,
        question.prompt,
        gr.update(choices=listed, value=None, visible=question.kind == "choice"),
        gr.update(value="", label=label, lines=lines, visible=question.kind != "choice"),
        gr.update(visible=True),
        gr.update(visible=True),
        gr.update(visible=False),
        "",
    )
