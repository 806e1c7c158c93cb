"""The Inside tab: what it shows, that text stays text, and that its parts are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_model import HEADS, LAYERS, make_tiny_model

from corpus.roadmap import load_roadmap
from tutor.app import Tutor
from tutor.inside.attention import AttentionMaps
from tutor.inside.drafts import Checked, Comparison, Draft
from tutor.inside.sampling import NextToken, NextTokens
from tutor.inside.tokens import Token
from tutor.inside.weights import Variant
from tutor.models.llm import Message
from tutor.settings import Settings
from tutor.ui import inside, inside_drafts
from tutor.ui.inside_html import (
    alert_html,
    candidates_html,
    comparison_html,
    looks_html,
    map_html,
    prompt_html,
    quoted,
    tokens_html,
    visible,
)

BAD = "<img src=x onerror=alert(1)>"
ANN, EVE = SimpleNamespace(session_hash="ann"), SimpleNamespace(session_hash="eve")
BASE, DPO = Variant("base", "As it came."), Variant("dpo", "Tuned.")


def maps(count: int = 3) -> AttentionMaps:
    words = ["The", " animal", " it"] + [" x"] * count
    tokens = tuple(Token(i, words[i]) for i in range(count))
    weights = np.tile(np.tri(count) / np.arange(1, count + 1)[:, None], (2, 2, 1, 1))
    if count > 2:
        weights[1, 0, 2, :3] = [0.2, 0.7, 0.1]
    return AttentionMaps(tokens, weights.astype(np.float32))


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (Token(5, " cat"), "␣cat"),
        (Token(5, "a\n\t"), "a↵⇥"),
        (Token(5, "\u200b"), "\\u200b"),
        (Token(5, "é", "part"), "é (some bytes)"),
    ],
)
def test_what_can_not_be_seen_is_shown(token: Token, shown: str) -> None:
    assert visible(token) == shown


def test_lone_space_keeps_its_name() -> None:
    assert (quoted(Token(1, " it")), quoted(Token(1, " "))) == ("‘it’", "‘␣’")


def test_tokens_are_counted_and_numbered() -> None:
    html = tokens_html([Token(11, "un"), Token(7, "loved")], "unloved")
    assert "2 tokens" in html and "1 word and 7 characters" in html and "3.5 characters" in html
    assert "<code>un</code><small>11</small>" in html


def test_candidates_say_in_words_what_was_cut() -> None:
    rows = (
        NextToken(Token(1, " Paris"), 0.6, 1.0, True),
        NextToken(Token(2, " a"), 0.25, 0.0, False),
    )
    html = candidates_html(NextTokens(rows, 1, 98, 0.15, 0.0, 1.6))
    assert "1 token</strong> of 100 can be drawn" in html and "3 tokens were" in html
    assert html.count("✓ stays") == 1 and html.count("✂ cut") == 1 and "✂ all cut" in html
    assert "60.0%" in html and "100.0%" in html and "15.0%" in html


def test_row_of_a_map_in_words() -> None:
    assert "‘it’, looks most at ‘animal’ (token 2) with 70%, then at ‘The’" in looks_html(
        maps(), 2, 1, 2
    )
    assert "itself with 10%" in looks_html(maps(), 2, 1, 2)
    assert "looks at itself alone" in looks_html(maps(), 1, 1, 0)


def test_map_has_a_number_for_each_weight_and_none_for_the_future() -> None:
    html = map_html(maps(), 2, 1, 2)
    assert html.count("--w:") == 6 and html.count('class="later"') == 3
    assert '<tr class="from"><th scope="row">␣it</th>' in html and "<span>70</span>" in html
    assert 'class="few"' in html and 'class="many"' in map_html(maps(13), 1, 1, 0)


def test_drafts_tell_what_holds() -> None:
    sentences = (
        Checked("It weighs.", True, "Attention, Idea", "It weighs."),
        Checked("No.", False),
    )
    done = Draft(BASE, "It weighs. No.", sentences, 9, 0.5, 1.5, "Enough of it holds.", True)
    now = Comparison("Q?", (Message("user", "Facts: 1"),), (done, Draft(DPO, "It")))
    html = comparison_html(now)
    assert html.count('class="passed"') == html.count('class="failed"') == 1
    assert "Found in the sources: 1 of 2 sentences." in html and "8.0 a second" in html
    assert "Facts: 1" in prompt_html(now) and prompt_html(Comparison("Q?")) == ""
    assert html.count("<section") == 2 and "the first after 0.5 s" in html


def test_text_of_learners_and_models_is_escaped() -> None:
    token = Token(1, BAD)
    rows = (NextToken(token, 1.0, 1.0, True),)
    weird = AttentionMaps((token, token), maps(2).weights)
    variant = replace(BASE, name=BAD, description=BAD)
    checked = (Checked(BAD, True, BAD, BAD), Checked(BAD, False))
    drafts = (Draft(variant, BAD, checked, 1, 1, 1, BAD, True), Draft(variant, BAD))
    for html in (
        tokens_html([token], BAD),
        candidates_html(NextTokens(rows, 1, 0, 0, 0, 0)),
        looks_html(weird, 1, 1, 1),
        map_html(weird, 1, 1, 1),
        comparison_html(Comparison(BAD, drafts=drafts)),
        prompt_html(Comparison(BAD, (Message("user", BAD),))),
        comparison_html(Comparison(BAD, refusal=BAD)),
        alert_html(BAD),
    ):
        assert "<img" not in html and "&lt;img" in html


def test_progress_names_who_is_at_work() -> None:
    asked = [BASE, DPO]
    text = inside_drafts.progress_text
    done = Draft(BASE, verdict="Given up.")
    assert text(Comparison("?"), asked) == "base is reading the facts, 1 of 2 …"
    now = Comparison("?", drafts=(done, Draft(DPO, "It")))
    assert text(now, asked) == "dpo is writing, 2 of 2 …"
    assert text(Comparison("?", drafts=(done, done)), asked) == "Done."
    assert text(Comparison("?", refusal="No."), asked) == "No model was asked."


def test_each_part_names_lessons_of_the_roadmap() -> None:
    for part, topics in inside.READ.items():
        assert load_roadmap().topic(topics[0]).title in inside.reading(part)


# --- wiring -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("inside-tab")
    make_tiny_model(home)
    return Settings(home=home, offline=True)


def handlers(settings: Settings, tutor: Tutor | None = None) -> dict[str, Callable[..., Any]]:
    """The tab's functions by name, as the page calls them."""
    import gradio as gr

    with gr.Blocks(analytics_enabled=False) as page, gr.Tabs():
        inside.build_inside(tutor or Tutor(settings, use_model=False), lambda request: "me")
    return {f.fn.__name__: f.fn for f in page.fns.values() if f.fn is not None}


def last(states: Iterator[Any]) -> Any:
    *_, final = states
    return final


def test_tab_shows_tokens_candidates_and_attention(ready: Settings) -> None:
    do = handlers(ready)
    assert "tokens</strong>" in do["split_text"]("The animal")
    html, seen = last(do["show_next"]("The animal", "base", 1, 3, 1))
    assert "3 tokens</strong>" in html and seen == ("The animal", "base")
    assert "5 tokens</strong>" in do["slide"](seen, 1, 5, 1)
    longer, html, seen = last(do["draw_one"]("The animal", "base", 0, 0, 1))
    assert longer.startswith("The animal") and len(longer) > 10 and seen[0] == longer
    words, shown, seen, layer, head, worth, token = last(
        do["show_attention"]("The animal did", "base")
    )
    assert "looks most at" in words and 'class="map"' in shown
    assert (layer["maximum"], head["maximum"]) == (LAYERS, HEADS)
    assert worth["choices"] and token["choices"]
    assert "In layer 2, head 4" in do["turn"](seen, 2, 4, 1)[0]
    assert do["jump"](seen, "2 3", 1)[:2] == (2, 3)


def test_tab_without_a_model_says_what_to_do(settings: Settings) -> None:
    do = handlers(settings)
    missing, button, *_ = do["look_around"]()
    assert missing["visible"] and button["visible"]
    for html in (
        do["split_text"]("The animal"),
        last(do["show_next"]("The animal", "base", 1, 3, 1))[0],
        last(do["show_attention"]("The animal", "base"))[0],
        last(do["ask"]("What is self-attention?", ["base"], ANN))[0],
    ):
        assert 'role="alert"' in html and "not prepared" in html


def test_bad_input_is_an_alert(ready: Settings) -> None:
    do = handlers(ready)
    assert 'role="alert"' in do["split_text"](" ")
    assert 'role="alert"' in last(do["show_next"]("", "base", 1, 0, 1))[0]
    assert 'role="alert"' in last(do["show_attention"]("word " * 99, "base"))[0]
    assert 'role="alert"' in last(do["ask"]("", ["base"], ANN))[0]
    assert 'role="alert"' in last(do["ask"]("What is attention?", [], ANN))[0]


def test_question_goes_to_the_model_with_its_facts(ready: Settings) -> None:
    states = list(handlers(ready)["ask"]("What is self-attention?", ["base"], ANN))
    prompts = [prompt for _, prompt, *_ in states if isinstance(prompt, str) and prompt]
    said = [state for state, *_ in states if isinstance(state, str)]
    # The prompt is sent once, or it would fold up while it is read.
    assert len(prompts) == 1 and "Facts:" in prompts[0]
    assert "Done." in said[-1] and len(said) == len(set(said)) < len(states)
    assert "sentence" in states[-1][2]


def test_choice_between_drafts_is_kept_with_both(settings: Settings) -> None:
    tutor = Tutor(settings, use_model=False)
    tutor.store.set_consent("me", True)
    do = handlers(settings, tutor)
    assert "Choose" in do["prefer"](None, None, ANN)
    now = Comparison(
        "What is attention?", drafts=(Draft(BASE, "A cat."), Draft(DPO, "It weighs [1].")),
        passages=("lesson:x#1",),
    )  # fmt: skip
    assert "Choose" in do["prefer"](now, None, ANN)
    assert tutor.store.feedback("me") == []
    assert "dpo it is." in do["prefer"](now, "dpo", ANN)
    kept = [(row["target"], row["value"], row["context"]) for row in tutor.store.feedback("me")]
    assert [(target, value) for target, value, _ in kept] == [("draft:base", -1), ("draft:dpo", 1)]
    about = {"prompt": "What is attention?", "passages": ["lesson:x#1"]}
    assert kept[1][2] == about | {"reply": "It weighs [1]."}
    tutor.store.set_consent("me", False)
    assert "Without your consent" in do["prefer"](now, "dpo", ANN)
    assert tutor.store.feedback("me")[-1]["context"] is None


def test_stopping_ends_the_drafts_of_that_learner_alone(ready: Settings) -> None:
    do = handlers(ready)
    states = do["ask"]("What is self-attention?", ["base"], ANN)
    assert "facts" in next(states)[0] and "reading" in next(states)[0]
    do["halt"](EVE)
    assert "Stopped" not in str(next(states)[0])
    assert "Stopping" in do["halt"](ANN)
    [(state, *_)] = list(states)
    assert "Stopped" in state
    # The next question begins anew.
    assert "facts" in next(do["ask"]("What is self-attention?", ["base"], ANN))[0]
