"""The Roadmap tab: stages and topics; read a lesson, ask about it, be quizzed on it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from corpus.lessons import load_lessons
from corpus.papers import papers_of_topic
from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.replies import next_markdown
from tutor.ui.chat import relayed_message
from tutor.ui.render import LATEX, demoted

# On a phone the lesson is below the list of topics.
SHOW_LESSON = """() => {
  const actions = document.querySelector("#roadmap-ask");
  if (innerWidth <= 640 && actions) actions.scrollIntoView({ block: "start" });
}"""


def build_roadmap(
    tutor: Tutor, learner: Any, relay: gr.State, tabs: gr.Tabs, wanted: gr.State
) -> gr.Tab:
    """Lay out the tab and wire it; another tab shows a topic by writing it into `wanted`."""
    roadmap = load_roadmap()
    with gr.Tab("Roadmap", id="roadmap") as tab, gr.Row():
        with gr.Column(scale=2, min_width=280):
            advice = gr.Markdown(elem_id="next-step")
            stage = gr.Dropdown(
                [(f"{s.n}. {s.title}", s.n) for s in roadmap.stages], value=1, label="Stage",
                elem_id="roadmap-stage",
            )  # fmt: skip
            topic = gr.Radio(
                [(t.title, t.id) for t in roadmap.stages[0].topics], label="Topics",
                elem_id="roadmap-topic", elem_classes="option-list",
            )  # fmt: skip
        with gr.Column(scale=3, min_width=300):
            with gr.Row():
                ask = gr.Button("Explain it to me", variant="primary", elem_id="roadmap-ask")
                quiz = gr.Button("Quiz me on it", elem_id="roadmap-quiz")
            lesson = gr.Markdown(
                "Choose a topic to read its lesson.", latex_delimiters=LATEX, elem_id="lesson",
                elem_classes="lesson",
            )  # fmt: skip

    def topics(n: int, request: gr.Request) -> Any:
        mastery = tutor.store.mastery(learner(request))
        return gr.update(choices=[(_label(t, mastery), t.id) for t in roadmap.stages[n - 1].topics])

    def show(topic_id: str | None) -> str:
        return lesson_markdown(topic_id) if topic_id else "Choose a topic to read its lesson."

    def say(topic_id: str | None, verb: str) -> Any:
        if not topic_id:
            raise gr.Error("Choose a topic first.", print_exception=False)
        return relayed_message(f"{verb} {roadmap.topic(topic_id).title}"), gr.update(
            selected="chat"
        )

    def suggest(request: gr.Request) -> str:
        return next_markdown(tutor.study.next_step(learner(request)).to_dict())

    def go(given: dict[str, str], request: gr.Request) -> tuple[Any, ...]:
        # The tab opens with the stage: opened before, it would list the topics of the old one.
        name = given["topic"]
        n = roadmap.stage_of(name)
        listed = {**topics(n, request), "value": name}
        return n, listed, lesson_markdown(name), gr.update(selected="roadmap")

    tab.select(topics, stage, topic, show_progress="hidden")
    tab.select(suggest, None, advice, show_progress="hidden")
    stage.change(topics, stage, topic, show_progress="hidden")
    wanted.change(go, wanted, [stage, topic, lesson, tabs], show_progress="hidden")
    topic.change(show, topic, lesson, show_progress="hidden").then(js=SHOW_LESSON)
    ask.click(lambda t: say(t, "Explain"), topic, [relay, tabs], show_progress="hidden")
    quiz.click(lambda t: say(t, "Quiz me on"), topic, [relay, tabs], show_progress="hidden")
    return tab


def lesson_markdown(topic_id: str) -> str:
    """Objectives, lesson and papers of a topic."""
    topic = load_roadmap().topic(topic_id)
    before = [load_roadmap().topic(name).title for name in topic.prerequisites]
    parts = [f"## {topic.title}"]
    if before:
        parts.append(f"*Before this: {'; '.join(before)}.*")
    parts.append("**You will be able to**\n" + "\n".join(f"- {o}" for o in topic.objectives))
    lesson = load_lessons().get(topic_id)
    if lesson is not None:
        parts.append(demoted(lesson.markdown))
    papers = papers_of_topic(topic_id)
    if papers:
        listed = "\n".join(f"- {p.title} ({p.year}), arXiv:{p.id}. {p.why}" for p in papers)
        parts.append(f"### Papers\n{listed}")
    return "\n\n".join(parts)


def _label(topic: Any, mastery: dict[str, float | None]) -> str:
    value = mastery.get(topic.id)
    return topic.title if value is None else f"{topic.title} · {value:.0%}"
