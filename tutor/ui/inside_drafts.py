"""The part of the Inside tab that puts drafts of base and tuned models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.inside.drafts import Comparison, compare
from tutor.inside.weights import LocalModel, Variant
from tutor.learner.archive import Context
from tutor.learner.incoming import plain
from tutor.ui.inside_html import alert_html, comparison_html, prompt_html, status_html

DRAFTS = """\
The same question with the same facts goes to the model as its makers left it (*base*) and to \
what fine-tuning made of it. Each tuned model is the base with a **LoRA adapter**: small \
matrices that are added to its own; those of the one that comes with the tutor are half a \
percent of its weights. The tutor then checks every sentence against the sources, as in the \
chat. A draft takes half a minute or more. Adapters that you train yourself \
(`finetune/README.md`) stand here too once `TUTOR_RUNS` names the folder of your runs. Which draft \
is best, you can say below: such choices are what preference tuning (RLHF, DPO) learns from."""


def progress_text(now: Comparison, asked: Sequence[Variant]) -> str:
    """Who is at work."""
    if now.refusal:
        return "No model was asked."
    done = sum(bool(draft.verdict) for draft in now.drafts)
    if done == len(asked):
        return "Done."
    writes = "is writing" if len(now.drafts) > done else "is reading the facts"
    return f"{asked[done].name} {writes}, {done + 1} of {len(asked)} …"


def opinions(comparison: Comparison, best: str) -> Iterator[tuple[str, int, Context]]:
    """A choice between drafts as feedback: (target, 1 or -1, what it is about) for each.

    Args:
        best: Name of the variant whose draft was chosen.
    """
    for draft in comparison.drafts:
        about = Context(
            prompt=plain(comparison.question),
            passages=comparison.passages,
            reply=plain(draft.text),
        )
        yield f"draft:{draft.variant.name}"[:200], 1 if draft.variant.name == best else -1, about


def drafts_part(
    tutor: Tutor, learner: Any, local: LocalModel, reading: str, one_at_a_time: dict[str, Any]
) -> gr.CheckboxGroup:
    """Lay out the part and wire it; returns the list of models, which others keep up to date.

    Args:
        learner: Tells from a request who asks.
        reading: The lessons behind it, as Markdown.
        one_at_a_time: Options of events that use the model.
    """
    names = [variant.name for variant in local.variants]
    with gr.Accordion("Base and tuned: what training changes", open=False, elem_id="inside-drafts"):
        gr.Markdown(f"{DRAFTS}\n\n{reading}")
        question = gr.Textbox(
            "What is self-attention?", label="Question", max_lines=4, elem_id="drafts-question"
        )
        chosen = gr.CheckboxGroup(names, value=names[:3], label="Models", elem_id="drafts-models")
        with gr.Row():
            run = gr.Button("Ask them all", variant="primary", elem_id="drafts-run")
            stop = gr.Button("Stop", elem_id="drafts-stop")
        state = gr.HTML(elem_id="drafts-state")
        prompt = gr.HTML(elem_id="drafts-prompt")
        shown = gr.HTML(elem_id="drafts-shown")
        with gr.Row(visible=False, elem_id="drafts-choice") as choice:
            best = gr.Radio([], label="Which draft answers best?", elem_id="drafts-best")
            keep = gr.Button("Keep my choice", elem_id="drafts-keep")
        seen: gr.State = gr.State(None)  # the finished comparison

    # Sessions that are being answered, and whether they want to stop: Gradio's own cancelling
    # shows an error.
    stops: dict[str, bool] = {}

    def ask(text: str, wanted: list[str], request: gr.Request) -> Iterator[tuple[Any, ...]]:
        session = str(request.session_hash)
        stops[session] = False
        asked = [variant for variant in local.variants if variant.name in wanted]
        said = given = ""
        same = (gr.skip(),) * 3
        now: Comparison | None = None
        try:
            yield (
                status_html("Looking for facts …"),
                "",
                "",
                gr.update(visible=False),
                gr.skip(),
                None,
            )
            for now in compare(
                text, tutor.evidence, local, asked,
                embedder=tutor.embedder_if_free, library=tutor.library.known_arxiv_ids(),
            ):  # fmt: skip
                if stops.get(session):
                    yield status_html("Stopped."), gr.skip(), gr.skip(), *same
                    return
                # What is unchanged is not sent: it would be read out again, or fold up.
                told, said = said, progress_text(now, asked)
                shown_before, given = given, prompt_html(now)
                yield (
                    status_html(said) if said != told else gr.skip(),
                    given if given != shown_before else gr.skip(),
                    comparison_html(now),
                    *same,
                )
            if now is not None and len(now.drafts) > 1:
                listed = gr.update(choices=[d.variant.name for d in now.drafts], value=None)
                yield (*same, gr.update(visible=True), listed, now)
        except TutorError as error:
            yield alert_html(error), gr.skip(), gr.skip(), *same
        finally:
            stops.pop(session, None)

    def halt(request: gr.Request) -> Any:
        session = str(request.session_hash)
        if session not in stops:
            return gr.skip()
        stops[session] = True
        return status_html("Stopping after this token …")

    def prefer(now: Comparison | None, name: str | None, request: gr.Request) -> Any:
        if now is None or not name:
            return status_html("Choose the draft that answers best first.")
        for target, value, context in opinions(now, name):
            tutor.store.add_feedback(learner(request), target, value, context=context)
        kept = tutor.store.consents(learner(request))
        without = " Without your consent (Progress tab) only the choice is kept, not the drafts."
        return status_html(f"Thank you: {name} it is.{'' if kept else without}")

    outputs = [state, prompt, shown, choice, best, seen]
    run.click(ask, [question, chosen], outputs, **one_at_a_time)
    keep.click(prefer, [seen, best], state, show_progress="hidden")
    stop.click(halt, None, state, show_progress="hidden")
    return chosen
