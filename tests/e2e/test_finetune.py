"""The small pipeline, really: 50 steps of SFT with a kill between, reward model, 20 of DPO, 5 of
GRPO, and vLLM serving what came out.

Needs TUTOR_TEST_HOME with the small model in bf16; minutes on a busy CPU.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.lessons import load_lessons
from finetune.__main__ import CONFIGS
from finetune.config import load_config
from finetune.data.preferences import preference_pairs
from finetune.data.rows import Row, write_rows
from finetune.export import export
from finetune.training import read_log
from tutor.draft import EXPLAIN_USER, numbered
from tutor.ingest.sentences import split_sentences
from tutor.models.catalog import SMALL
from tutor.models.convert import convert
from tutor.models.llm import Message
from tutor.models.serve import ModelServer
from tutor.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SYSTEM = Message("system", "Answer from the facts.")
ROWS = 100
START_S = 900.0


@pytest.fixture(scope="module")
def base(lender: Path | None) -> Path:
    folder = lender / "models" / SMALL / "bf16" if lender else None
    if folder is None or not folder.is_dir():
        pytest.skip("TUTOR_TEST_HOME lends no small model in bf16")
    return folder


def asked(title: str, facts: list[str]) -> tuple[Message, ...]:
    shown = "\n".join(f"- {numbered(fact, n)}" for n, fact in enumerate(facts, 1))
    return (SYSTEM, Message("user", EXPLAIN_USER.format(facts=shown, question=title)))


@pytest.fixture(scope="module")
def runs(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where all stages ran: SFT was cut off once, the others by the one command."""
    from finetune.sft import train

    out = tmp_path_factory.mktemp("runs")
    rows = []
    for topic, lesson in load_lessons().items():
        facts = split_sentences(lesson.sections["In short"])
        for number in range(min(2, len(facts) - 1)):
            prompt = asked(f"What is {lesson.title}?", facts[:2])
            target = numbered(facts[number], number + 1)
            rows.append(Row("grounded", topic, f"lesson:{topic}", prompt, target))
    pairs = list(preference_pairs(rows[:ROWS]))
    data = out / "data"
    data.mkdir()
    write_rows(rows[:ROWS], data / "sft.jsonl")
    write_rows(pairs[8:], data / "preferences.jsonl")
    write_rows(pairs[:8], data / "preferences_held_out.jsonl")
    (data / "card.json").write_text("{}")
    settings = [f"base={base}", f"data={data}", f"output={out / 'small' / 'sft'}"]
    path = CONFIGS / "small" / "sft.yaml"
    train(load_config(path, "sft", [*settings, "steps=20"]))
    train(load_config(path, "sft", settings))
    subprocess.run(
        [sys.executable, "-m", "finetune", "small", f"--out={out}", f"--base={base}"]
        + ["--only", "data", "sft", "reward", "dpo", "grpo"],
        check=True,
    )
    return out / "small"


def test_sft_lowers_the_loss_and_resumes(runs: Path) -> None:
    rows = read_log(runs / "sft")
    assert [row["step"] for row in rows] == list(range(1, 51))
    assert sum(r["loss"] for r in rows[-10:]) < 0.8 * sum(r["loss"] for r in rows[:10])
    assert (runs / "sft" / "curves.png").exists()


def test_reward_model_is_measured_on_held_out_pairs(runs: Path) -> None:
    assert json.loads((runs / "reward" / "held_out.json").read_text())["pairs"] == 8


def test_dpo_starts_at_log_two_and_learns_the_preference(runs: Path) -> None:
    rows = read_log(runs / "dpo")
    assert len(rows) == 20 and rows[0]["loss"] == pytest.approx(0.693, abs=0.02)
    assert sum(row["loss"] for row in rows[-5:]) / 5 < 0.68


def test_grpo_is_rewarded_by_the_tutors_checks(runs: Path) -> None:
    rows = read_log(runs / "grpo")
    assert len(rows) == 5
    assert all(0 <= row["rewards/reward_batch/mean"] <= 1 for row in rows)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_vllm_serves_what_was_trained(
    runs: Path, base: Path, tmp_path: Path, make_home: Callable[[str], Path]
) -> None:
    export(runs / "dpo", "small-tutor", tmp_path / "adapter")
    model = tmp_path / "merged"
    convert(model, "bf16", lambda *_: None, source=base, adapter=tmp_path / "adapter")
    settings = Settings(
        home=make_home("tuned"), model=str(model), llm_url="", vllm_args=("--enforce-eager",)
    )
    server = ModelServer(settings)
    try:
        server.start()
        assert server.wait_ready(START_S), server.status.detail
        llm = server.llm()
        assert llm is not None
        facts = ["A kettle boils water with a heating coil.", "Tea needs water of ninety degrees."]
        reply = llm.complete(asked("What is a kettle?", facts), max_tokens=60)
    finally:
        server.stop()
    # What the training taught: one sentence that is a fact, with its marker.
    assert "[1]" in reply or "[2]" in reply, reply
    assert {"kettle", "water"} & set(reply.lower().split()), reply
