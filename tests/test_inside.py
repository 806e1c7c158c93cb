"""What can be looked at inside a model, on a tiny random Llama."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_model import HEADS, LAYERS, make_run, make_tiny_model

from tutor.errors import InputError, ModelError, NotFoundError, TutorError
from tutor.inside import weights as weights_module
from tutor.inside.attention import EVENLY, AttentionMaps, find_patterns, strongest
from tutor.inside.drafts import Comparison, checked_sentences, compare
from tutor.inside.llm import LocalLLM
from tutor.inside.microscope import ATTENTION_TOKENS, SHOWN, Microscope
from tutor.inside.sampling import filtered, softmax
from tutor.inside.tokens import Token
from tutor.inside.weights import BASE, LocalModel, Variant, find_variants
from tutor.models.catalog import SMALL
from tutor.models.llm import Message
from tutor.retrieve import Passage, Retrieval
from tutor.settings import Settings

SENTENCE = "The animal did not cross the street because it was too tired."
LOGITS = arrays(np.float32, st.integers(2, 30), elements=st.floats(-20, 20, width=32))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the tiny model, and runs with two adapters on it and a reward model's."""
    home = tmp_path_factory.mktemp("inside")
    folder = make_tiny_model(home)
    runs = home / "runs"
    make_run(runs, "sft-1.0", folder)
    make_run(runs, "dpo", folder, stage="dpo", rank=3)
    reward = make_run(runs, "reward", folder) / "adapter" / "adapter_config.json"
    config = json.loads(reward.read_text()) | {"task_type": "SEQ_CLS"}
    reward.write_text(json.dumps(config))
    return Settings(home=home, offline=True, runs=runs)


@pytest.fixture
def local(tiny: Settings) -> Iterator[LocalModel]:
    local = LocalModel(tiny)
    yield local
    local.release()


# --- tokens -------------------------------------------------------------------------------------


def test_tokens_put_together_are_the_text(local: LocalModel) -> None:
    tokens = Microscope(local).tokens(SENTENCE)
    assert "".join(token.text for token in tokens) == SENTENCE
    assert len(tokens) < len(SENTENCE) and {token.kind for token in tokens} == {"text"}


def test_bytes_of_a_character_name_the_character(local: LocalModel) -> None:
    tokens = Microscope(local).tokens("a é")
    parts = [token for token in tokens if token.kind == "part"]
    assert len(parts) == 2 and {token.text.strip() for token in parts} == {"é"}


def test_sign_of_the_template_is_special(local: LocalModel) -> None:
    [token] = Microscope(local).tokens("<|im_end|>")
    assert token == Token(2, "<|im_end|>", "special")


@pytest.mark.parametrize("text", ["", " \n", "word " * 401, "x" * 100_000])
def test_texts_that_do_not_fit_are_refused_in_words(local: LocalModel, text: str) -> None:
    with pytest.raises(InputError):
        Microscope(local).tokens(text)


# --- sampling -----------------------------------------------------------------------------------


def test_filters_on_numbers_worked_by_hand() -> None:
    logits = np.log(np.array([0.1, 0.5, 0.15, 0.25], dtype=np.float32))
    assert softmax(logits) == pytest.approx([0.1, 0.5, 0.15, 0.25], abs=1e-6)
    assert filtered(logits, 1, 2, 1) == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=1e-6)
    # 0.5 and 0.25 are short of 0.8, so the next one stays too.
    assert filtered(logits, 1, 0, 0.8) == pytest.approx([0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9])
    # p is taken of what k left: 2/3 of it is more than 0.6.
    assert filtered(logits, 1, 2, 0.6) == pytest.approx([0, 1, 0, 0])
    hot = np.array([0.1, 0.5, 0.15, 0.25]) ** 0.5
    assert filtered(logits, 2, 0, 1) == pytest.approx(hot / hot.sum(), abs=1e-6)
    assert filtered(logits, 0, 0, 1) == pytest.approx([0, 1, 0, 0])


@given(LOGITS, st.floats(0, 3), st.integers(0, 40), st.floats(0.01, 1))
def test_filters_leave_the_likeliest_and_add_up_to_one(
    logits: np.ndarray, temperature: float, k: int, p: float
) -> None:
    after = filtered(logits, temperature, k, p)
    assert after.sum() == pytest.approx(1) and after[int(logits.argmax())] > 0
    assert (after >= 0).all()
    if k:
        assert (after > 0).sum() <= k
    # Nothing that was cut is likelier than what stayed.
    assert logits[after == 0].max(initial=-np.inf) <= logits[after > 0].min()


@pytest.mark.parametrize(("t", "k", "p"), [(-1, 0, 1), (1, -1, 1), (1, 0, 0), (1, 0, 1.1)])
def test_settings_out_of_range_are_refused(t: float, k: int, p: float) -> None:
    with pytest.raises(InputError):
        filtered(np.zeros(3, np.float32), t, k, p)


def test_candidates_and_the_others_add_up(local: LocalModel) -> None:
    scope = Microscope(local)
    found = scope.next_tokens(SENTENCE, 1.0, 5, 1.0)
    assert len(found.rows) == SHOWN and found.kept == 5
    raw = [row.raw for row in found.rows]
    assert raw == sorted(raw, reverse=True)
    assert sum(raw) + found.others_raw == pytest.approx(1)
    assert [row.kept for row in found.rows] == [True] * 5 + [False] * (SHOWN - 5)
    assert sum(row.after for row in found.rows) == pytest.approx(1)
    assert found.others == len(local.tokenizer) - SHOWN and found.others_after == 0
    assert 0 < found.entropy < np.log2(len(local.tokenizer))


def test_slider_costs_no_pass_of_the_model(local: LocalModel) -> None:
    scope = Microscope(local)
    cold = scope.next_tokens(SENTENCE, 0.5, 0, 1.0)
    local.release()
    hot = scope.next_tokens(SENTENCE, 2.0, 0, 1.0)
    assert not local.loaded and hot.rows[0].after < cold.rows[0].after
    assert hot.rows[0].raw == cold.rows[0].raw


def test_drawn_token_is_one_that_was_kept(local: LocalModel) -> None:
    scope = Microscope(local)
    best = scope.next_tokens(SENTENCE, 1.0, 1, 1.0).rows[0].token
    assert scope.draw(SENTENCE, 1.0, 1, 1.0) == SENTENCE + best.text


# --- attention ----------------------------------------------------------------------------------


def test_attention_is_causal_and_its_rows_add_up_to_one(local: LocalModel) -> None:
    maps = Microscope(local).attention(SENTENCE)
    count = len(maps.tokens)
    assert maps.weights.shape == (LAYERS, HEADS, count, count)
    assert maps.weights.sum(-1) == pytest.approx(1, abs=1e-5)
    assert (np.triu(maps.weights, k=1) == 0).all()


def test_attention_of_a_long_text_is_refused(local: LocalModel) -> None:
    with pytest.raises(InputError, match=str(ATTENTION_TOKENS)):
        Microscope(local).attention("animal " * 80)


def test_strongest_leaves_out_what_is_not_looked_at() -> None:
    row = np.array([0.2, 0.0, 0.5, 0.3], dtype=np.float32)
    assert [place for place, _ in strongest(row)] == [2, 3, 0]
    assert strongest(np.array([1.0, 0.0], dtype=np.float32)) == [(0, 1.0)]


def test_patterns_name_the_heads_that_were_built_to_have_them() -> None:
    count = 6
    maps = np.tile(np.tri(count) / np.arange(1, count + 1)[:, None], (2, 2, 1, 1))
    maps[0, 0] = np.eye(count)
    maps[0, 1] = np.eye(count, k=-1)
    maps[0, 1, 0, 0] = 1
    maps[1, 0] = 0
    maps[1, 0, :, 0] = 1
    tokens = tuple(Token(i, str(i)) for i in range(count))
    found = find_patterns(AttentionMaps(tokens, maps.astype(np.float32)))
    places = {pattern.label: (pattern.layer, pattern.head) for pattern in found}
    assert places == {
        "the token before": (1, 2),
        "the token itself": (1, 1),
        "the first token": (2, 1),
        EVENLY: (2, 2),
    }
    assert all(pattern.share == pytest.approx(1) for pattern in found)


# --- weights ------------------------------------------------------------------------------------


def test_variants_are_the_base_the_catalog_and_the_runs(tiny: Settings) -> None:
    names = [variant.name for variant in find_variants(tiny)]
    assert names == [BASE, "smollm2-135m-tutor", "dpo", "sft-1.0"]
    stories = {variant.name: variant.description for variant in find_variants(tiny)}
    assert "DPO" in stories["dpo"] and SMALL in stories[BASE]


def test_adapters_change_the_model_and_the_base_comes_back(local: LocalModel) -> None:
    scope = Microscope(local)

    def scores(name: str) -> np.ndarray:
        scope._logits.clear()
        return scope._scores(SENTENCE, name)

    base, sft, dpo = scores(BASE), scores("sft-1.0"), scores("dpo")
    assert not np.allclose(base, sft) and not np.allclose(sft, dpo)
    assert np.array_equal(scores(BASE), base)
    assert np.array_equal(scores("sft-1.0"), sft) and np.array_equal(scores("dpo"), dpo)


def test_adapter_of_another_model_is_refused_and_the_base_stays(local: LocalModel) -> None:
    scope = Microscope(local)
    base = scope._scores(SENTENCE, BASE)
    with pytest.raises(ModelError, match="does not fit"):
        scope.next_tokens(SENTENCE, 1, 0, 1, "smollm2-135m-tutor")
    scope._logits.clear()
    assert np.array_equal(scope._scores(SENTENCE, BASE), base)
    with pytest.raises(NotFoundError):
        scope.next_tokens(SENTENCE, 1, 0, 1, "../secret")


def test_weights_are_let_go_when_idle_and_come_back(tiny: Settings) -> None:
    local = LocalModel(tiny, idle_s=0.05)
    with local.weights():
        assert local.loaded
    for _ in range(200):
        if not local.loaded:
            break
        threading.Event().wait(0.05)
    assert not local.loaded
    with local.weights("dpo") as model:
        assert model is not None
    local.release()


def test_model_that_is_not_prepared_is_said_to_be_missing(settings: Settings) -> None:
    local = LocalModel(settings)
    assert not local.ready
    for look in (lambda: local.tokenizer, lambda: Microscope(local).attention("Hello there")):
        with pytest.raises(ModelError, match="not prepared"):
            look()
    assert not (settings.home / "models").exists()


def test_damaged_model_is_an_error_in_words(settings: Settings) -> None:
    folder = settings.folder("models", SMALL, "bf16")
    for name in ("manifest.json", "config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    local = LocalModel(settings)
    with pytest.raises(TutorError, match="can't be loaded"):
        with local.weights():
            pass
    with pytest.raises(TutorError, match="can't be loaded"):
        _ = local.tokenizer


# --- writing ------------------------------------------------------------------------------------


def test_reply_is_greedy_counted_and_ends_at_its_limit(local: LocalModel) -> None:
    llm = LocalLLM(local, BASE)
    messages = [Message("user", "What is a token?")]
    text = llm.complete(messages, max_tokens=12)
    assert llm.ended and 0 < llm.tokens <= 12 and llm.first_token_s <= llm.writing_s
    assert LocalLLM(local, BASE).complete(messages, max_tokens=12) == text
    with local.weights() as model:
        import torch

        ids = torch.tensor([llm._encode(messages)])
        whole = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    assert local.tokenizer.decode(whole, skip_special_tokens=True).startswith(text)


def test_reply_that_is_left_holds_nothing(local: LocalModel) -> None:
    llm = LocalLLM(local, BASE)
    stream = llm.stream([Message("user", "Hi")], max_tokens=50)
    next(stream)
    with local.weights("dpo"):  # another may use the model in between
        pass
    stream.close()  # type: ignore[attr-defined]
    assert not llm.ended


PASSAGES = (
    Passage(
        "lesson:self-attention#1", "lesson", "lesson:self-attention", "Self-Attention", "In short",
        None,
        "Self-attention lets every token of a sequence collect information from every other token "
        "of the same sequence. Each row of attention weights adds up to one.",
        1.0,
    ),
)  # fmt: skip
FOUND = Retrieval(PASSAGES, 0.8, 1.0, {"total": 1.0})


def last(states: Iterator[Comparison]) -> Comparison:
    *_, final = states
    return final


def test_every_variant_gets_the_tutors_own_prompt(local: LocalModel) -> None:
    variants = [v for v in local.variants if v.name in (BASE, "dpo")]
    states = list(compare("What does self-attention do?", lambda _: FOUND, local, variants))
    final = states[-1]
    assert [draft.variant.name for draft in final.drafts] == [BASE, "dpo"]
    assert "- Self-attention lets every token" in final.prompt[-1].content
    assert all(draft.verdict and draft.tokens and draft.seconds for draft in final.drafts)
    assert len(states) > 4 and states[0].drafts == () and states[1].drafts[0].verdict == ""
    assert final.refusal == ""


def test_question_without_evidence_asks_no_model(settings: Settings) -> None:
    nothing = Retrieval((), None, 0.0, {"total": 1.0})
    final = last(compare("Who won?", lambda _: nothing, LocalModel(settings), [Variant(BASE, "")]))
    assert "too little" in final.refusal and final.drafts == ()


@pytest.mark.parametrize(("question", "variants"), [("", 1), ("x" * 401, 1), ("What?", 0)])
def test_comparison_of_nothing_is_refused(settings: Settings, question: str, variants: int) -> None:
    with pytest.raises(InputError):
        last(
            compare(question, lambda _: FOUND, LocalModel(settings), [Variant(BASE, "")] * variants)
        )


def test_check_tells_what_holds_from_what_does_not() -> None:
    draft = (
        "Self-attention lets every token collect information from every other token [1]. "
        "It was invented by bakers in Vienna [1]."
    )
    held, invented = checked_sentences(draft, PASSAGES)
    assert held.supported and held.source == "Self-Attention, In short"
    assert held.quote in PASSAGES[0].text and "[1]" not in held.text
    assert not invented.supported and invented.quote == ""


def test_module_names_the_adapter_files_as_the_export_does() -> None:
    from finetune import export

    assert (weights_module.WEIGHTS, weights_module.CONFIG) == (export.WEIGHTS, export.CONFIG)


def test_runs_folder_that_does_not_exist_is_no_error(tmp_path: Path) -> None:
    assert find_variants(Settings(home=tmp_path, runs=tmp_path / "none"))[0].name == BASE
