"""The plan with dates on the Progress tab: hours a week in, a day for every topic out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import gradio as gr

from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.learner.pace import keep_pace, pace_of, plan_of
from tutor.learner.timetable import MAX_HOURS, Pace, Timetable
from tutor.replies import plan_markdown

OFFER = "Say how many hours a week you have, and every topic gets a date."


def build_planner(tutor: Tutor, learner: Any) -> Callable[[Any], None]:
    """Lay out the plan; returns what fills it whenever a tab is opened."""
    stages = [(f"Stage {stage.n}: {stage.title}", stage.n) for stage in load_roadmap().stages]
    with gr.Accordion("Plan with dates", open=True, elem_id="plan"):
        with gr.Row():
            hours = gr.Number(
                label="Hours a week", minimum=0, maximum=MAX_HOURS, step=0.5,
                elem_id="plan-hours", min_width=120,
            )  # fmt: skip
            start = gr.Textbox(
                label="First day (empty: today)", placeholder="2026-12-01", max_length=10,
                elem_id="plan-start", min_width=160,
            )  # fmt: skip
            goal = gr.Dropdown(
                [*stages[:-1], ("The whole roadmap", 0)], value=0, label="Up to",
                elem_id="plan-goal", min_width=220,
            )  # fmt: skip
        make = gr.Button("Make the plan", elem_id="plan-make", size="sm")
        plan = gr.Markdown(OFFER, elem_id="plan-dates", max_height=420)

    def show(request: gr.Request) -> tuple[Any, ...]:
        name = learner(request)
        pace = pace_of(tutor.store, name) or Pace(0.0)
        return (
            pace.hours or None,
            str(pace.start or ""),
            pace.goal or 0,
            dates_markdown(plan_of(tutor.store, name, datetime.now(UTC))),
        )

    def change(given: float | None, day: str, stage: int, request: gr.Request) -> str:
        name, now = learner(request), datetime.now(UTC)
        try:
            first = date.fromisoformat(day.strip()) if day.strip() else None
        except ValueError as error:
            raise gr.Error(
                "The first day is a date such as 2026-12-01.", print_exception=False
            ) from error
        try:
            pace = Pace(float(given), first, stage or None) if given else None
            keep_pace(tutor.store, name, pace, now)
            return dates_markdown(plan_of(tutor.store, name, now))
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error

    make.click(change, [hours, start, goal], plan, show_progress="hidden")
    return lambda tab: tab.select(show, None, [hours, start, goal, plan], show_progress="hidden")


def dates_markdown(plan: Timetable | None) -> str:
    """The plan, or how to get one."""
    return OFFER if plan is None else plan_markdown(plan)
