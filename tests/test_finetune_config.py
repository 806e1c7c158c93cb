"""A run's settings: what is wrong is named before anything is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from finetune.__main__ import STAGES, main, steps
from finetune.config import load_config
from finetune.training import check_template, draw_curves, read_log
from tutor.errors import ConfigError, ModelError

CONFIGS = Path(__file__).parents[1] / "finetune" / "configs"


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("model", sorted(path.name for path in CONFIGS.iterdir()))
def test_each_models_stages_follow_one_another(model: str, tmp_path: Path) -> None:
    made = {step.stage: step for step in steps(model, tmp_path)}
    assert list(made) == [s for s in STAGES if s in made] and {"data", "sft", "evaluate"} <= {*made}
    assert {path.stem for path in (CONFIGS / model).iterdir()} == set(made) - {"data", "evaluate"}
    first = "answers" if "answers" in made else "sft"
    tuned = [stage for stage in ("dpo", "grpo") if stage in made]
    for stage in tuned:
        assert f"adapter={tmp_path / model / first / 'adapter'}" in made[stage].arguments
    assert f"--adapter=sft={tmp_path / model / first / 'adapter'}" in made["evaluate"].arguments
    if "grpo" in made:
        assert f"reward_model={tmp_path / model / 'reward' / 'adapter'}" in made["grpo"].arguments
    measured = [a.split("=")[1] for a in made["evaluate"].arguments if a.startswith("--adapter")]
    assert measured == ["sft", *tuned]


def test_every_stage_has_a_config_of_the_small_models() -> None:
    for model in ("small", "smollm2-135m", "qwen2.5-coder-1.5b"):
        assert {"sft", "reward", "dpo", "grpo"} <= {
            path.stem for path in (CONFIGS / model).iterdir()
        }


def test_unknown_model_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no sft.yaml") as caught:
        steps("gpt-9", tmp_path)
    assert "smollm2-135m" in str(caught.value)


def test_finished_stages_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def fake(command: list[str]) -> subprocess.CompletedProcess[str]:
        ran.append(command[2])
        return subprocess.CompletedProcess(command, 3 if "dpo" in command[2] else 0)

    monkeypatch.setattr(subprocess, "run", fake)
    monkeypatch.setattr(sys, "argv", ["finetune", "small", "--out", str(tmp_path)])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "card.json").write_text("{}")
    assert main() == 3  # the first failure ends it
    assert ran == ["finetune.sft", "finetune.reward", "finetune.dpo"]
    assert "data: done" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("stage: sft\nbase: b\ndata: d", "output"),
        ("stage: sft\nbase: b\ndata: d\noutput: o\nbatch_size: 0", "batch_size"),
        ("stage: sft\nbase: b\ndata: d\noutput: o\nlearning_rte: 1", "learning_rte"),
        ("stage: sft\nbase: b\ndata: d\noutput: o\nlora: {rank: x}", "lora.rank"),
        ("stage: sft\nbase: b\ndata: d\noutput: o\nskills: {grounded: -1}", "below 0"),
        ("stage: sft\nbase: b\ndata: d\noutput: o\nadapter: a\nlora: null", "adapter"),
        ("stage: dpo\nbase: b\ndata: d\noutput: o", "finetune.dpo"),
        ("- a list", "no settings"),
        ("a: [", "no YAML"),
    ],
)
def test_bad_config_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_config(write(tmp_path, text), "sft")


def test_completions_must_divide_the_batch(tmp_path: Path) -> None:
    text = "stage: grpo\nbase: b\ndata: d\noutput: o\nbatch_size: 3\ncompletions: 2"
    with pytest.raises(ConfigError, match="multiple of completions"):
        load_config(write(tmp_path, text), "grpo")


def test_missing_config_names_the_examples(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="finetune/configs"):
        load_config(tmp_path / "none.yaml", "sft")


def test_overrides_reach_nested_settings() -> None:
    config = load_config(
        CONFIGS / "smollm2-135m" / "sft.yaml", "sft", ["lora.rank=2", "steps=7", "dtype=bfloat16"]
    )
    assert (config.steps, config.dtype) == (7, "bfloat16")
    assert config.lora is not None and config.lora.rank == 2


@pytest.mark.parametrize("override", ["steps", "=3", "steps.more=1", "lora.=1", "steps=["])
def test_malformed_override_is_named(override: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load_config(CONFIGS / "smollm2-135m" / "sft.yaml", "sft", [override])


class FakeTokenizer:
    """ChatML, or what a test makes of it."""

    def __init__(self, template: str | None = "chatml", thinking: str = "") -> None:
        self.chat_template = template
        self._thinking = thinking

    def apply_chat_template(
        self,
        messages: list[dict[str, str]],
        tokenize: bool = True,
        add_generation_prompt: bool = False,
    ) -> str:
        text = "".join(f"<{m['role']}>{m['content']}<end>" for m in messages)
        return text + (f"<assistant>{self._thinking}" if add_generation_prompt else "")


def test_template_that_only_appends_is_taken() -> None:
    check_template(FakeTokenizer())


def test_template_that_serves_other_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match="other tokens"):
        check_template(FakeTokenizer(thinking="<think>"))


def test_model_without_template_is_refused() -> None:
    with pytest.raises(ModelError, match="no chat template"):
        check_template(FakeTokenizer(template=None))


def test_log_of_a_resumed_run_keeps_the_last_of_each_step(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"step": 1, "loss": 3.0}\n{"step": 2, "loss": 2.5}\n{"step": 2, "loss": 2.0}\n'
        '{"step": 2, "train_runtime": 9}\n'
    )
    assert [row["loss"] for row in read_log(tmp_path)] == [3.0, 2.0]
    draw_curves(tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
