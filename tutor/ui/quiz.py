"""The Quiz tab: practice, stage tests and placement; one question at a time."""

from __future__ import annotations

import zlib
from typing import Any

import gradio as gr

from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.exercises import blueprint
from tutor.exercises.closed import letter
from tutor.exercises.hints import hint_ladder
from tutor.exercises.question import Kind, Question
from tutor.exercises.quiz import QuizSession
from tutor.replies import grade_markdown, score_markdown
from tutor.ui.render import LATEX

REVIEW = "review"
MODES = [
    ("Practice", "practice"),
    ("Review: what is due", REVIEW),
    ("Stage test, before studying", "pre"),
    ("Stage test, after studying", "post"),
    ("Placement: where should I start?", blueprint.PLACEMENT),
]
KINDS = [
    ("Mixed", ""),
    ("Multiple choice", "choice"),
    ("Numbers", "numeric"),
    ("Short text", "text"),
]
COUNTS = [3, 5, 10, 20]
ANY_TOPIC = ("All topics of the stage", "")
SURENESS = [("Guessing", 1), ("Fairly sure", 2), ("Sure", 3)]
# Nobody has to tab back to the answer; where one was just checked the focus stays.
FOCUS_ON_ANSWER = """() => setTimeout(() => {
  if (document.querySelector("#quiz-feedback")?.textContent.trim()) return;
  document.querySelector("#quiz-options input, #quiz-answer textarea, #quiz-answer input")?.focus();
}, 100)"""


def build_quiz(tutor: Tutor, learner: Any, given: gr.State) -> gr.Tab:
    """Lay out the tab and wire it; a quiz that another tab writes into `given` is run."""
    roadmap = load_roadmap()
    with gr.Tab("Quiz", id="quiz") as tab:
        with gr.Row(elem_id="quiz-bar"):
            mode = gr.Dropdown(MODES, value="practice", label="What", elem_id="quiz-mode", scale=3)
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
            sure = gr.Radio(SURENESS, label="How sure are you? (optional)", elem_id="quiz-sure")
            with gr.Row():
                submit = gr.Button("Check", variant="primary", elem_id="quiz-check")
                hint = gr.Button("Hint", elem_id="quiz-hint")
            feedback = gr.Markdown(elem_id="quiz-feedback", latex_delimiters=LATEX)
            with gr.Accordion(
                "Contest this grade", open=False, visible=False, elem_id="quiz-contest"
            ) as contest:
                reason = gr.Textbox(
                    label="Why is your answer right?", lines=2, max_lines=6,
                    elem_id="quiz-reason", max_length=2000,
                )  # fmt: skip
                object_ = gr.Button("Contest", elem_id="quiz-object", size="sm")

    shown = [hints, asked, card, place, prompt, options, text, sure, contest, reason]
    shown += [submit, hint, feedback]

    def begin(
        what: str, n: int, topic_id: str, form: Kind | None, many: float, request: gr.Request
    ) -> tuple[Any, ...]:
        try:
            if what == "practice":
                questions = tutor.study.quiz(
                    int(many),
                    stage=None if topic_id else n,
                    topic=topic_id or None,
                    kind=form or None,
                    learner=learner(request),
                )
                session = QuizSession(questions)
            elif what == REVIEW:
                session = QuizSession(tutor.study.review_quiz(int(many), learner(request)))
            else:
                session = begin_test(what, n, learner(request))
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return session.to_state(), *_asked(session)

    def check(
        saved: dict[str, Any],
        position: int,
        choice: int | None,
        words: str,
        sureness: int | None,
        request: gr.Request,
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
            grade, moved = tutor.study.submit(
                session, answer, learner=learner(request), sureness=sureness
            )
            if session.form == blueprint.PLACEMENT and session.current is None:
                session.questions += _next_placement(session)
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        if session.form and moved:
            # A test goes on at once and says at its end how it went.
            if session.current is not None:
                return session.to_state(), *_asked(session)
            log = tutor.store.attempts(learner(request))
            note = outcome_markdown(session, blueprint.gains(log))
        else:
            note = grade_markdown(question, grade, reveal=moved)
            if not moved and "try once more" not in note:
                note += "\n\n*Try once more, or take a hint.*"
            elif session.current is None:
                note += f"\n\n{score_markdown(session)}"
        kept = [gr.skip()] * (len(shown) - 5)
        button = gr.update(
            value="Next question" if moved else "Check", visible=session.current is not None
        )
        doubted = gr.update(visible=grade.verdict != "correct" and not session.form, open=False)
        return (
            session.to_state(), *kept, doubted, "", button,
            gr.update(visible=not moved and not session.form), note,
        )  # fmt: skip

    def give_hint(saved: dict[str, Any], step: int) -> tuple[Any, int]:
        question = QuizSession.from_state(saved).current
        if question is None:
            raise gr.Error("The quiz is over: start a new one.", print_exception=False)
        ladder = hint_ladder(question)
        step = min(step, len(ladder) - 1)
        return f"**Hint {step + 1} of {len(ladder)}.** {ladder[step]}", step + 1

    def dispute(
        saved: dict[str, Any], words: str, note: str, request: gr.Request
    ) -> tuple[Any, ...]:
        attempt = QuizSession.from_state(saved).attempt
        try:
            tutor.store.contest(attempt or 0, words, learner=learner(request))
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        said = "**Contested.** Your reason is kept, and this grade no longer counts."
        return gr.update(visible=False), f"{note}\n\n{said}"

    stage.change(
        lambda n: gr.update(choices=_topics(n), value=""), stage, topic, show_progress="hidden"
    )
    mode.change(_bar, mode, [stage, topic, kind, count, start], show_progress="hidden")
    started = start.click(
        begin, [mode, stage, topic, kind, count], [state, *shown], show_progress="hidden"
    )
    # A button and Enter do the same: check the answer, then go on.
    checked = gr.on(
        [submit.click, text.submit], check, [state, asked, options, text, sure], [state, *shown],
        show_progress="hidden",
    )  # fmt: skip
    opened = given.change(
        lambda quiz: (quiz["state"], *_asked(QuizSession.from_state(quiz["state"]))),
        given, [state, *shown], show_progress="hidden",
    )  # fmt: skip
    for done in (started, checked, opened):
        done.then(js=FOCUS_ON_ANSWER)
    hint.click(give_hint, [state, hints], [feedback, hints], show_progress="hidden")
    object_.click(dispute, [state, reason, feedback], [contest, feedback], show_progress="hidden")
    return tab


def begin_test(what: str, stage: int, learner: str) -> QuizSession:
    """A test for a learner: both forms of a stage come from one seed, so that they match.

    Raises:
        NotFoundError: There is no such stage.
    """
    seed = zlib.crc32(learner.encode())
    if what == blueprint.PLACEMENT:
        session = QuizSession([], form=what)
        session.questions += _next_placement(session)
        return session
    form: blueprint.Form = "pre" if what == "pre" else "post"
    return QuizSession(blueprint.stage_form(stage, form, seed), form=f"{form}:{stage}")


def outcome_markdown(session: QuizSession, gains: list[blueprint.Gain]) -> str:
    """How a test went, and what follows from it."""
    if session.form == blueprint.PLACEMENT:
        return placement_markdown(blueprint.placement_results(session.questions, session.grades))
    name, _, stage = session.form.partition(":")
    parts = [f"**The test is over.** {score_markdown(session)}"]
    gain = next((gain for gain in gains if str(gain.stage) == stage), None)
    if name == "post" and gain is not None:
        parts.append(f"Before studying you had {gain.pre:.0%}, now {gain.post:.0%}.")
        if gain.share is not None and gain.share > 0:
            parts.append(f"That is {gain.share:.0%} of what there was to gain.")
    elif name == "pre":
        parts.append("Take the test *after studying* when you are through the stage.")
    rows = ["| Question | Topic | Result |", "|---|---|---|"]
    for place, question in enumerate(session.questions):
        topic = load_roadmap().topic(question.topic).title
        rows.append(f"| {place + 1} | {topic} | {_mark(session, place)} |")
    return "\n\n".join(parts) + "\n\n" + "\n".join(rows)


def placement_markdown(results: dict[str, bool]) -> str:
    """Where to start, by the topics that were passed."""
    roadmap = load_roadmap()
    known = [roadmap.topic(name).title for name, passed in results.items() if passed]
    open_ = [roadmap.topic(name).title for name, passed in results.items() if not passed]
    parts = ["**The placement is over.**"]
    if known:
        parts.append(
            f"You know your way around: {'; '.join(known)}. What these build on is skipped."
        )
    if open_:
        parts.append(f"Still to learn: {'; '.join(open_)}.")
    return "\n\n".join([*parts, "The Roadmap tab says what to study next."])


def _mark(session: QuizSession, place: int) -> str:
    grade = session.grades.get(place)
    if grade is None:
        return "– not answered"
    return "✓ right" if grade.score >= blueprint.PASSED else "✗ wrong"


def _next_placement(session: QuizSession) -> list[Question]:
    results = blueprint.placement_results(session.questions, session.grades)
    topic = blueprint.placement_topic(load_roadmap(), results)
    return [] if topic is None else blueprint.placement_questions(topic)


def _bar(what: str) -> tuple[Any, ...]:
    """Which choices a mode leaves."""
    practice = gr.update(visible=what == "practice")
    quiz = what in {"practice", REVIEW}
    label = "Start the quiz" if quiz else "Start the test"
    staged = gr.update(visible=what not in {blueprint.PLACEMENT, REVIEW})
    return staged, practice, practice, gr.update(visible=quiz), gr.update(value=label)


def _topics(n: int) -> list[tuple[str, str]]:
    return [ANY_TOPIC, *((t.title, t.id) for t in load_roadmap().stages[n - 1].topics)]


def _asked(session: QuizSession) -> tuple[Any, ...]:
    """Updates of the card that put the current question."""
    question = session.current
    assert question is not None  # shown only while a question is open
    title = load_roadmap().topic(question.topic).title
    total = "" if session.form == blueprint.PLACEMENT else f" of {len(session.questions)}"
    place = f"Question {session.position + 1}{total} · {title} · difficulty {question.difficulty}"
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
        gr.update(value=None),
        gr.update(visible=False, open=False),
        "",
        gr.update(value="Answer" if session.form else "Check", visible=True),
        gr.update(visible=not session.form),
        "",
    )
