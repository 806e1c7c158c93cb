"""Tokens a second of `finetune.sft` beside a bare PyTorch loop over the same rows.

Both train the same adapter with the same optimizer on prompts of the serving kind, each in a
process of its own (`python -m eval.training MODE FOLDER STEPS`), one thread, in turn. What counts
is the processor's time: on a shared machine the clock says little.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from corpus.lessons import load_lessons
from eval.report import Context, Metric, TaskResult
from finetune.config import RunConfig
from finetune.data.rows import Row, write_rows
from finetune.training import read_log
from tutor.draft import EXPLAIN_SYSTEM, EXPLAIN_USER, numbered
from tutor.errors import TutorError
from tutor.ingest.sentences import split_sentences
from tutor.models.catalog import SMALL
from tutor.models.llm import Message

BATCH = 4
STEPS, QUICK_STEPS = 6, 3  # after the first, which warms up
ROUNDS = 2
MODES = ("bare", "tutor")


def run(context: Context) -> TaskResult:
    """Median tokens a processor second and peak memory of both."""
    from finetune.training import base_folder

    try:
        base = base_folder(SMALL)
    except TutorError as error:
        return TaskResult("training", (), skipped=f"no model to train: {error}")
    steps = QUICK_STEPS if context.quick else STEPS
    found: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory() as folder:
        write_rows(_rows(BATCH * (steps + 1)), Path(folder) / "sft.jsonl")
        for turn in range(ROUNDS):
            for mode in MODES if turn % 2 == 0 else reversed(MODES):
                command = [sys.executable, "-m", "eval.training", mode, str(base), folder]
                done = subprocess.run([*command, str(steps)], capture_output=True, check=True)
                found[mode].append(json.loads(done.stdout.splitlines()[-1]))
    speed = {mode: median(s for one in found[mode] for s in one["speeds"]) for mode in MODES}
    memory = {mode: max(one["memory_gb"] for one in found[mode]) for mode in MODES}
    rows = f"{steps * ROUNDS} steps of {BATCH} rows, {found['bare'][0]['tokens']} tokens a run"
    return TaskResult(
        "training",
        (
            Metric("training speed", speed["tutor"], " tokens/s", speed["bare"], "bare loop",
                   note=f"of processor time, one thread; {rows}"),
            Metric("peak memory", memory["tutor"], " GB", memory["bare"], "bare loop"),
        ),
    )  # fmt: skip


def _rows(count: int) -> list[Row]:
    """Rows whose prompts are the serving ones, over the lessons' own sentences."""
    rows = []
    for topic, lesson in load_lessons().items():
        facts = [
            f
            for part in ("In short", "The idea")
            for f in split_sentences(lesson.sections.get(part, ""))
        ]
        facts = [" ".join(fact.split()) for fact in facts if "$" not in fact and "`" not in fact]
        shown = "\n".join(f"- {numbered(fact, n)}" for n, fact in enumerate(facts[:6], 1))
        user = EXPLAIN_USER.format(facts=shown, question=f"What is {lesson.title} about?")
        target = " ".join(numbered(fact, n) for n, fact in enumerate(facts[:3], 1))
        prompt = (Message("system", EXPLAIN_SYSTEM), Message("user", user))
        rows.append(Row("grounded", topic, f"lesson:{topic}", prompt, target))
    return rows[:count]


def _config(base: str, folder: Path, steps: int) -> RunConfig:
    return RunConfig.model_validate(
        {"stage": "sft", "base": base, "data": folder, "output": folder / f"run-{time.time_ns()}",
         "steps": steps + 1, "batch_size": BATCH, "max_tokens": 2000, "schedule": "constant",
         "warmup_steps": 0, "learning_rate": 1e-4, "save_every": 1000}
    )  # fmt: skip


def _batches(config: RunConfig, tokenizer: Any) -> list[list[dict[str, Any]]]:
    from finetune.sft import batches, encode
    from finetune.training import choose_records

    records = [encode(record, tokenizer) for record in choose_records(config, "sft.jsonl")]
    return list(batches(records, BATCH, config.seed))[: config.steps]


def _bare(config: RunConfig, made: list[list[dict[str, Any]]]) -> list[float]:
    """Processor seconds of each step of the loop that somebody would write first."""
    import torch
    from peft import get_peft_model

    from finetune.sft import IGNORED
    from finetune.training import load_model, lora_config

    model = load_model(config, Path(config.base))
    model = get_peft_model(model, lora_config(config, model.config.num_hidden_layers)).train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate)
    seconds = []
    for batch in made:
        started = time.process_time()
        width = max(len(row["input_ids"]) for row in batch)
        rest = [width - len(row["input_ids"]) for row in batch]
        ids = [r["input_ids"] + [0] * n for r, n in zip(batch, rest, strict=True)]
        labels = [r["labels"] + [IGNORED] * n for r, n in zip(batch, rest, strict=True)]
        mask = [[1] * (width - n) + [0] * n for n in rest]
        loss = model(
            input_ids=torch.tensor(ids),
            attention_mask=torch.tensor(mask),
            labels=torch.tensor(labels),
        ).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.process_time() - started)
    return seconds


def _tutors(config: RunConfig) -> list[float]:
    from finetune.sft import train

    train(config)
    times = [row["cpu"] for row in read_log(config.output)]
    return [0.0, *(after - before for before, after in zip(times, times[1:], strict=False))]


def main() -> int:
    """One mode: MODE BASE FOLDER STEPS; the figures as JSON on the last line."""
    mode, base, folder, steps = sys.argv[1:]
    from finetune.training import load_tokenizer

    config = _config(base, Path(folder), int(steps))
    made = _batches(config, load_tokenizer(Path(base)))
    seconds = _bare(config, made) if mode == "bare" else _tutors(config)
    tokens = [sum(len(row["input_ids"]) for row in batch) for batch in made]
    speeds = [n / s for n, s in zip(tokens[1:], seconds[1:], strict=True)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"speeds": speeds, "tokens": sum(tokens), "memory_gb": memory}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
