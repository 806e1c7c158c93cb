"""The Inside tab: what a language model does with a text, to be watched on the small local one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.inside.attention import find_patterns
from tutor.inside.microscope import Microscope
from tutor.inside.weights import BASE, LocalModel
from tutor.ui.inside_drafts import drafts_part
from tutor.ui.inside_html import (
    alert_html,
    candidates_html,
    looks_html,
    map_html,
    pattern_label,
    quoted,
    status_html,
    tokens_html,
)

INTRO = """\
## Inside the tutor
A language model cuts a text into tokens, lets them look at each other layer by layer, and ends \
with a score for every token that could come next. Here you can watch a small one, SmolLM2 with \
135 million weights, do so on this machine. It knows little; how it works is how the large ones \
work."""

TOKENS = """\
A model reads neither letters nor words. Its tokenizer cuts a text into **tokens**: pieces that \
were frequent in the texts it was made from (byte-pair encoding). Below each stands its number \
in the vocabulary, which is all the model gets to see. ␣ is a space, and belongs to the word \
after it. Try a rare word, a long number, another language, an emoji."""

NEXT = """\
For each token of its vocabulary the model gives a score, and the softmax turns the scores into \
probabilities. **Temperature** divides the scores first: below 1 the likely become likelier, \
above 1 all chances even out, and 0 stands for taking the likeliest. **Top-k** keeps the k \
likeliest tokens (0: all), **top-p** as few of the likeliest as together reach p. What stays is \
scaled up to 100%, and one token is drawn. The tutor writes its answers at temperature 0."""

ATTENTION = """\
In every layer, each **head** lets each token collect information from the tokens before it. A \
row of the map is a token that looks, a column one that it looks at. Each row adds up to 100%, \
because a softmax makes it. The upper right is empty: the **causal mask** hides what comes \
later, or the model could read the word it has to predict. Many heads rest on the first token \
when they have nothing to do (an attention sink). A map shows where a head looks, not why the \
model says something."""

MISSING = """\
⚠ The small model is not prepared in 16 bit yet. The button fetches it (98 MB, unless it is here \
already) and converts it, which takes about a minute. Nothing is fetched before you press it."""

READ = {
    "tokens": ("tokenization-lemmatization-stemming", "word-embeddings"),
    "next": ("gpt-architecture", "text-generation"),
    "attention": (
        "self-attention", "multi-head-attention", "positional-encoding", "attention-visualization",
    ),
    "drafts": ("fine-tuning-pretrained", "rlhf"),
}  # fmt: skip
SENTENCE = "The animal did not cross the street because it was too tired"
LAYERS, HEADS = 30, 9  # of SmolLM2-135M, until a map says what there is
ONE_AT_A_TIME: dict[str, Any] = {
    "concurrency_limit": 1, "concurrency_id": "inside", "show_progress": "hidden",
}  # fmt: skip


def build_inside(tutor: Tutor, learner: Any) -> gr.Tab:
    """Lay out the tab and wire it.

    Args:
        learner: Tells from a request who asks.
    """
    local = LocalModel(tutor.settings)
    scope = Microscope(local)
    names = [variant.name for variant in local.variants]
    with gr.Tab("Inside", id="inside") as tab:
        gr.Markdown(INTRO, elem_id="inside-intro")
        missing = gr.Markdown(MISSING, visible=False, elem_id="inside-missing")
        fetch = gr.Button(
            "Prepare the small model", variant="primary", visible=False, elem_id="inside-prepare"
        )
        _tokens_part(scope)
        pickers = [_next_part(scope, names), _attention_part(scope, names)]
        pickers.append(drafts_part(tutor, learner, local, reading("drafts"), ONE_AT_A_TIME))

    def look_around() -> tuple[Any, ...]:
        """Whether the model is here, and which adapters there are by now."""
        there = [variant.name for variant in local.variants]
        hint = gr.update(visible=not local.ready)
        return hint, hint, *(gr.update(choices=there) for _ in pickers)

    def prepare(progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
        try:
            local.prepare(lambda text, done: progress(done, desc=text))
        except TutorError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return look_around()

    state = [missing, fetch, *pickers]
    tab.select(look_around, None, state, show_progress="hidden")
    fetch.click(prepare, None, state, concurrency_limit=1, show_progress_on=missing)
    return tab


def reading(part: str) -> str:
    """The lessons behind a part, by their titles."""
    roadmap = load_roadmap()
    titles = [
        f"{roadmap.topic(name).title} (stage {roadmap.stage_of(name)})" for name in READ[part]
    ]
    return f"*In the Roadmap tab: {'; '.join(titles)}.*"


def _model_picker(names: list[str], elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(names, value=BASE, label="Model", elem_id=elem_id, scale=1)


def _tokens_part(scope: Microscope) -> None:
    with gr.Accordion("Tokens: how it reads", open=True, elem_id="inside-tokens"):
        gr.Markdown(f"{TOKENS}\n\n{reading('tokens')}")
        text = gr.Textbox(
            "Tokenization is 1 of the unloved steps of machine learning 🙂", label="Any text",
            lines=2, max_lines=8, elem_id="tokens-text",
        )  # fmt: skip
        split = gr.Button("Split into tokens", variant="primary", elem_id="tokens-run")
        shown = gr.HTML(elem_id="tokens-shown")

    def split_text(given: str) -> str:
        try:
            return tokens_html(scope.tokens(given), given)
        except TutorError as error:
            return alert_html(error)

    split.click(split_text, text, shown, **ONE_AT_A_TIME)


def _next_part(scope: Microscope, names: list[str]) -> gr.Dropdown:
    with gr.Accordion("The next token: how it writes", open=False, elem_id="inside-next"):
        gr.Markdown(f"{NEXT}\n\n{reading('next')}")
        with gr.Row():
            prompt = gr.Textbox(
                "The capital of France is", label="Beginning of a text", lines=2, max_lines=8,
                elem_id="next-text", scale=3,
            )  # fmt: skip
            model = _model_picker(names, "next-model")
        with gr.Row():
            temperature = gr.Slider(0, 2, 1, step=0.1, label="Temperature", elem_id="temperature")
            top_k = gr.Slider(0, 100, 0, step=1, label="Top-k (0: all)", elem_id="top-k")
            top_p = gr.Slider(0.05, 1, 1, step=0.05, label="Top-p", elem_id="top-p")
        with gr.Row():
            look = gr.Button("Show what could come next", variant="primary", elem_id="next-run")
            draw = gr.Button("Draw one and add it", elem_id="next-draw")
        shown = gr.HTML(elem_id="next-shown")
        seen: gr.State = gr.State(None)  # (text, model) of what is shown

    def show_next(text: str, name: str, *filters: float) -> Iterator[tuple[Any, Any]]:
        if not scope.local.loaded:
            yield status_html("Loading the model, once; this takes some seconds …"), gr.skip()
        try:
            yield candidates_html(_next(scope, text, name, *filters)), (text, name)
        except TutorError as error:
            yield alert_html(error), None

    def slide(of: tuple[str, str] | None, *filters: float) -> Any:
        """What is shown stays, seen through other filters."""
        if of is None:
            return gr.skip()
        try:
            return candidates_html(_next(scope, *of, *filters))
        except TutorError as error:
            return alert_html(error)

    def draw_one(text: str, name: str, *filters: float) -> Iterator[tuple[Any, Any, Any]]:
        try:
            temperature, top_k, top_p = filters
            longer = scope.draw(text, temperature, int(top_k), top_p, name)
        except TutorError as error:
            yield gr.skip(), alert_html(error), None
            return
        for html, state in show_next(longer, name, *filters):
            yield longer, html, state

    filters = [temperature, top_k, top_p]
    asked = [prompt, model, *filters]
    look.click(show_next, asked, [shown, seen], **ONE_AT_A_TIME)
    draw.click(draw_one, asked, [prompt, shown, seen], **ONE_AT_A_TIME)
    for slider in filters:
        slider.input(
            slide, [seen, *filters], shown, trigger_mode="always_last", **ONE_AT_A_TIME
        )  # fmt: skip
    return model


def _next(scope: Microscope, text: str, name: str, *filters: float) -> Any:
    temperature, top_k, top_p = filters
    return scope.next_tokens(text, temperature, int(top_k), top_p, name)


def _attention_part(scope: Microscope, names: list[str]) -> gr.Dropdown:
    with gr.Accordion("Attention: who looks at whom", open=False, elem_id="inside-attention"):
        gr.Markdown(f"{ATTENTION}\n\n{reading('attention')}")
        with gr.Row():
            sentence = gr.Textbox(
                SENTENCE, label="A sentence (up to 64 tokens)", elem_id="attention-text", scale=3
            )
            model = _model_picker(names, "attention-model")
        look = gr.Button("Show the attention", variant="primary", elem_id="attention-run")
        with gr.Row():
            layer = gr.Slider(1, LAYERS, 1, step=1, label="Layer", elem_id="layer")
            head = gr.Slider(1, HEADS, 1, step=1, label="Head", elem_id="head-number")
        with gr.Row():
            worth = gr.Dropdown(
                [], value=None, label="Heads worth a look: those that look most at",
                elem_id="attention-heads",
            )  # fmt: skip
            query = gr.Dropdown([], value=None, label="Token that looks", elem_id="attention-token")
        words = gr.HTML(elem_id="attention-words")
        shown = gr.HTML(elem_id="attention-shown")
        seen: gr.State = gr.State(None)  # (sentence, model) of what is shown

    def show_attention(text: str, name: str) -> Iterator[tuple[Any, ...]]:
        same = (gr.skip(),) * 4
        if not scope.local.loaded:
            yield status_html("Loading the model, once; this takes some seconds …"), "", None, *same
        try:
            maps = scope.attention(text, name)
        except TutorError as error:
            yield alert_html(error), "", None, *same
            return
        patterns = find_patterns(maps)
        first = (patterns[0].layer, patterns[0].head) if patterns else (1, 1)
        last = len(maps.tokens) - 1
        heads = [(pattern_label(p), f"{p.layer} {p.head}") for p in patterns]
        tokens = [(f"{i + 1} {quoted(token)}", i) for i, token in enumerate(maps.tokens)]
        yield (
            looks_html(maps, *first, last),
            map_html(maps, *first, last),
            (text, name),
            gr.update(value=first[0], maximum=maps.weights.shape[0]),
            gr.update(value=first[1], maximum=maps.weights.shape[1]),
            gr.update(choices=heads, value=heads[0][1] if heads else None),
            gr.update(choices=tokens, value=last),
        )

    def turn(of: tuple[str, str] | None, n: int, h: int, q: int | None) -> tuple[Any, Any]:
        if of is None:
            return gr.skip(), gr.skip()
        try:
            maps = scope.attention(*of)
        except TutorError as error:
            return alert_html(error), gr.skip()
        place = (int(n), int(h), int(q or 0))
        return looks_html(maps, *place), map_html(maps, *place)

    def jump(of: Any, chosen: str | None, q: int | None) -> tuple[Any, ...]:
        if not chosen:
            return (gr.skip(),) * 4
        n, h = map(int, chosen.split())
        return n, h, *turn(of, n, h, q)

    look.click(
        show_attention,
        [sentence, model],
        [words, shown, seen, layer, head, worth, query],
        **ONE_AT_A_TIME,
    )
    for part in (layer, head, query):
        part.input(
            turn, [seen, layer, head, query], [words, shown], trigger_mode="always_last",
            **ONE_AT_A_TIME,
        )  # fmt: skip
    worth.input(jump, [seen, worth, query], [layer, head, words, shown], **ONE_AT_A_TIME)
    return model
