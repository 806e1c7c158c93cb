"""Each stage really trains SmolLM2 for a few steps: SFT, resume, reward model, DPO, GRPO.

Needs TUTOR_TEST_HOME with the small model in bf16; minutes on a busy CPU.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from corpus.lessons import load_lessons
from finetune.config import RunConfig
from finetune.data.preferences import preference_pairs
from finetune.data.rows import Row, write_rows
from finetune.training import read_log
from tutor.draft import EXPLAIN_USER
from tutor.ingest.sentences import split_sentences
from tutor.models.catalog import SMALL
from tutor.models.llm import Message

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

TOPICS = ("advanced-dl", "text-classification", "ner", "gpt-architecture", "summarization")


@pytest.fixture(scope="module")
def base(lender: Path | None) -> Path:
    folder = lender / "models" / SMALL / "bf16" if lender else None
    if folder is None or not folder.is_dir():
        pytest.skip("TUTOR_TEST_HOME lends no small model in bf16")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny set with short prompts, so that a step takes seconds."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for topic in TOPICS:
        facts = split_sentences(load_lessons()[topic].sections["In short"])[:2]
        shown = "\n".join(f"[1] {fact}" for fact in facts)
        user = EXPLAIN_USER.format(facts=shown, question=f"What is {topic}?")
        target = " ".join(re.sub(r"\.$", " [1].", fact) for fact in facts[:1])
        prompt = (Message("system", "Answer from the facts."), Message("user", user))
        rows.append(Row("grounded", topic, f"lesson:{topic}", prompt, target))
    pairs = list(preference_pairs(rows))
    write_rows(rows, folder / "sft.jsonl")
    write_rows(pairs, folder / "preferences.jsonl")
    write_rows(pairs[:2], folder / "preferences_held_out.jsonl")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def config(base: Path, data: Path, output: Path, **settings: Any) -> RunConfig:
    lora = {"rank": 4, "alpha": 16, "first_layer": 22}
    given = {"base": str(base), "data": data, "output": output, "lora": lora, "warmup_steps": 0}
    return RunConfig.model_validate(
        given | {"batch_size": 2, "schedule": "constant", "max_tokens": 400} | settings
    )


@pytest.fixture(scope="module")
def tuned(base: Path, data: Path, runs: Path) -> Path:
    from finetune.sft import train

    settings = {"stage": "sft", "epochs": 10, "learning_rate": 2e-3, "save_every": 4}
    train(config(base, data, runs / "sft", **settings, steps=4))
    # Killed and started again: it goes on from the last checkpoint.
    train(config(base, data, runs / "sft", **settings, steps=6))
    return runs / "sft"


def test_sft_lowers_the_loss_and_resumes(tuned: Path) -> None:
    rows = read_log(tuned)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert sum(r["loss"] for r in rows[-2:]) < 0.8 * sum(r["loss"] for r in rows[:2])
    assert (tuned / "curves.png").exists() and (tuned / "adapter").is_dir()


def test_reward_model_is_measured_on_held_out_pairs(base: Path, data: Path, runs: Path) -> None:
    from finetune.reward import train

    train(config(base, data, runs / "reward", stage="reward", steps=2))
    assert json.loads((runs / "reward" / "held_out.json").read_text())["pairs"] == 2


def test_dpo_starts_at_log_two(base: Path, data: Path, runs: Path, tuned: Path) -> None:
    from finetune.dpo import train

    settings = {"stage": "dpo", "adapter": tuned / "adapter", "learning_rate": 1e-4}
    train(config(base, data, runs / "dpo", **settings, steps=2))
    rows = read_log(runs / "dpo")
    assert rows[0]["loss"] == pytest.approx(0.693, abs=0.02)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_grpo_is_rewarded_by_the_tutors_checks(
    base: Path, data: Path, runs: Path, tuned: Path
) -> None:
    from finetune.grpo import train

    settings = {"stage": "grpo", "adapter": tuned / "adapter", "learning_rate": 1e-5}
    settings |= {"completions": 2, "reply_tokens": 24}
    train(config(base, data, runs / "grpo", **settings, steps=1))
    [row] = read_log(runs / "grpo")
    assert 0 <= row["reward"] <= 1
