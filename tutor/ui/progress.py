"""The Progress tab: what is mastered, what is due, and how well one judges oneself."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

import gradio as gr

from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.exercises.blueprint import Gain, gains
from tutor.learner import insight
from tutor.learner.plan import Objectives, Step, progress_rows
from tutor.learner.schedule import Review
from tutor.ui.planner import build_planner

# A word and a sign for each status: colour alone tells nothing to many.
STATUS = {
    "mastered": "✓ mastered",
    "learning": "◐ learning",
    "weak": "! needs work",
    "presumed": "≈ presumed known",
    "ready": "→ ready to start",
    "locked": "· later",
}


def build_progress(tutor: Tutor, learner: Any) -> gr.Tab:
    """Lay out the tab and wire it."""
    with gr.Tab("Progress", id="progress-tab") as tab:
        summary = gr.Markdown(elem_id="progress")
        step = gr.Markdown(elem_id="progress-next")
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                due = gr.Markdown(elem_id="progress-due")
            with gr.Column(scale=2, min_width=280):
                sure = gr.Markdown(elem_id="progress-sureness")
            with gr.Column(scale=2, min_width=280):
                gained = gr.Markdown(elem_id="progress-gains")
        planned = build_planner(tutor, learner)
        mastery = gr.HTML(elem_id="mastery-map")
        consent = gr.Checkbox(
            label="Keep the question, sources and reply when I rate an answer",
            info="Off: only the thumb is kept. Switching it off forgets what was kept so far.",
            elem_id="consent",
        )

    def show(request: gr.Request) -> tuple[Any, ...]:
        name, now = learner(request), datetime.now(UTC)
        attempts, reviews = tutor.store.attempts(name), tutor.store.reviews(name, now)
        rows = progress_rows(load_roadmap(), tutor.store.mastery(name), reviews)
        waiting = [review for review in reviews if review.due <= now]
        return (
            summary_markdown(rows, attempts, now),
            step_markdown(tutor.study.next_step(name)),
            due_markdown(waiting),
            sureness_markdown(insight.judgements(attempts)),
            gains_markdown(gains(attempts)),
            map_html(rows, tutor.store.objectives(name)),
            tutor.store.consents(name),
        )

    def allow(given: bool, request: gr.Request) -> None:
        tutor.store.set_consent(learner(request), given)

    parts = [summary, step, due, sure, gained, mastery, consent]
    tab.select(show, None, parts, show_progress="hidden")
    planned(tab)
    consent.input(allow, consent, None, show_progress="hidden")
    return tab


def summary_markdown(
    rows: list[dict[str, Any]], attempts: list[dict[str, Any]], now: datetime
) -> str:
    """Topics mastered and days studied. Days off are not held against anybody."""
    mastered = sum(row["status"] == "mastered" for row in rows)
    parts = [f"## Your progress\n**{mastered} of {len(rows)} topics mastered.**"]
    if not attempts:
        return parts[0] + " Answer some questions in the Quiz tab, and this page fills up."
    days, row = insight.study_days(attempts, now), insight.streak(attempts, now)
    times = "day" if days == 1 else "days"
    parts.append(f"{len(attempts)} answers so far; you studied on {days} {times} of the last 14.")
    if row > 1:
        parts.append(f"{row} days in a row.")
    return " ".join(parts)


def step_markdown(step: Step) -> str:
    """What to study now, and what stands behind it."""
    return f"**Next: {step.title}.** {step.why}" if step.topic else step.why


def due_markdown(reviews: list[Review]) -> str:
    """The reviews that are due, most urgent first."""
    if not reviews:
        return "### Reviews due\nNone today."
    titles = {topic.id: topic.title for topic in load_roadmap().topics()}
    lines = [
        f"- {titles[review.topic]}: chance to recall {review.retrievability:.0%}"
        for review in reviews[:10]
        if review.topic in titles
    ]
    more = f"\n\nand {len(reviews) - 10} more" if len(reviews) > 10 else ""
    return "### Reviews due\n" + "\n".join(lines) + more


def sureness_markdown(rows: list[insight.Judgement]) -> str:
    """How often the learner was right, by how sure they said they were."""
    head = "### How well you judge yourself\n"
    if not rows:
        return head + "Say beside your answers how sure you are, and you will see here."
    lines = ["| You said | Answers | Right |", "|---|---|---|"]
    lines += [f"| {insight.LEVELS[row.level]} | {row.answers} | {row.right:.0%} |" for row in rows]
    return head + "\n".join(lines) + f"\n\n{insight.judgement_advice(rows)}"


def gains_markdown(found: list[Gain]) -> str:
    """What stage tests show, before and after."""
    head = "### Stage tests\n"
    if not found:
        return head + "Take a stage's test before and after studying it, and see your gain."
    lines = ["| Stage | Before | After | Gained |", "|---|---|---|---|"]
    for gain in found:
        share = "–" if gain.share is None else f"{max(0.0, gain.share):.0%} of what was open"
        lines.append(f"| {gain.stage} | {gain.pre:.0%} | {gain.post:.0%} | {share} |")
    return head + "\n".join(lines)


def map_html(rows: list[dict[str, Any]], objectives: Objectives | None = None) -> str:
    """The roadmap as a table a stage: each topic with what it builds on, a bar, and a word.

    Args:
        objectives: Chance of mastery by topic and objective; listed below the topics that have any.
    """
    roadmap = load_roadmap()
    parts = []
    for stage in roadmap.stages:
        own = [row for row in rows if row["stage"] == stage.n]
        done = sum(row["status"] == "mastered" for row in own)
        body = "".join(
            _row_html(row, roadmap.topic(row["topic"]).prerequisites)
            + _objectives_html(row["topic"], objectives or {})
            for row in own
        )
        parts.append(
            f"<details class='stage' {'open' if _under_way(own) else ''}>"
            f"<summary>Stage {stage.n}: {escape(stage.title)} "
            f"<span class='flag'>{done} of {len(own)} mastered</span></summary>"
            "<table><thead><tr><th scope='col'>Topic</th><th scope='col'>Mastery</th>"
            f"<th scope='col'>Builds on</th></tr></thead><tbody>{body}</tbody></table></details>"
        )
    return "<h3>Mastery map</h3>" + "".join(parts)


def _under_way(rows: list[dict[str, Any]]) -> bool:
    tried = any(row["mastery"] is not None for row in rows)
    return tried or rows[0]["stage"] == 1


def _row_html(row: dict[str, Any], prerequisites: tuple[str, ...]) -> str:
    before = "; ".join(load_roadmap().topic(name).title for name in prerequisites) or "–"
    status, share = STATUS[row["status"]], row["mastery"]
    bar = ""
    if share is not None:
        bar = f"<span class='bar' aria-hidden='true'><span style='width:{share:.0%}'></span></span>"
        status = f"{share:.0%} {status}"
    return (
        f"<tr><th scope='row'>{escape(row['title'])}</th>"
        f"<td class='{row['status']}'>{bar}<span class='state'>{escape(status)}</span></td>"
        f"<td>{escape(before)}</td></tr>"
    )


def _objectives_html(topic: str, objectives: Objectives) -> str:
    """What was asked about of a topic, objective by objective."""
    listed = "".join(
        f"<li>{objectives[topic, place]:.0%}: {escape(text)}</li>"
        for place, text in enumerate(load_roadmap().topic(topic).objectives)
        if (topic, place) in objectives
    )
    return f"<tr><td colspan='3'><ul class='objectives'>{listed}</ul></td></tr>" if listed else ""
