"""What all stages share: loading, the check of the chat template, logs, and errors in words."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from finetune.config import RunConfig, load_config
from finetune.data.rows import read_records
from tutor.errors import ConfigError, InputError, ModelError, TutorError
from tutor.models.resolve import prepare
from tutor.settings import load_settings

log = logging.getLogger(__name__)
LOG_FILE, CURVES = "log.jsonl", "curves.png"
DRAWN = ("loss", "mean_token_accuracy", "rewards/accuracies", "reward", "kl")


def run_stage(stage: str, description: str, train: Callable[[RunConfig], Any]) -> int:
    """The command line of a stage: CONFIG [--set key=value …]; 1 after an error in words."""
    parser = argparse.ArgumentParser(prog=f"finetune.{stage}", description=description)
    parser.add_argument("config", type=Path, help="YAML file; examples in finetune/configs/")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        config = load_config(options.config, stage, options.set)
        train(config)
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Written to {config.output}.")
    return 0


def base_folder(base: str) -> Path:
    """The folder of the float model; a known model is prepared in bf16 first.

    Args:
        base: A folder, or a known model's name.

    Raises:
        TutorError: There is no such model, or it can't be had.
    """
    known = Path(base).expanduser()
    return known if known.is_dir() else prepare(base, load_settings(), format="bf16")


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of the folder that is served, so that its chat template is the server's.

    Raises:
        ModelError: It has no chat template, or the template is not additive.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder} holds no tokenizer: {error}.", "Name a model folder."
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    check_template(tokenizer)
    return tokenizer


def check_template(tokenizer: Any) -> None:
    """Assert that prompt + reply begins with what the server makes of the prompt alone.

    Raises:
        ModelError: Training would see other tokens than serving.
    """
    if not tokenizer.chat_template:
        raise ModelError("The model has no chat template.", "Take an instruction-tuned model.")
    prompt = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    reply = [{"role": "assistant", "content": "A"}]
    served = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    trained = tokenizer.apply_chat_template(prompt + reply, tokenize=False)
    if not trained.startswith(served) or not trained[len(served) :].startswith("A"):
        raise ModelError(
            "The chat template puts other tokens before a reply in training than in serving.",
            "Take a model whose template only appends.",
        )


def load_model(config: RunConfig, folder: Path, *, trainable: bool = True) -> Any:
    """The causal language model, with the adapter of an earlier stage where there is one."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(config.threads)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, config.dtype), local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} can't be loaded: {error}.", "Name a model folder.") from error
    if config.adapter is not None:
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(model, str(config.adapter), is_trainable=trainable)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The adapter {config.adapter} can't be loaded: {error}.",
                "Name the folder that an earlier stage wrote.",
            ) from error
    return model


def lora_config(config: RunConfig, layers: int, task: str = "CAUSAL_LM") -> Any | None:
    """PEFT's config, or None for a full fine-tuning or where an adapter is there already."""
    if config.lora is None or config.adapter is not None:
        return None
    from peft import LoraConfig

    if config.lora.first_layer >= layers:
        raise ConfigError(
            f"lora.first_layer is {config.lora.first_layer}, but the model has {layers} layers.",
            "Lower it.",
        )
    return LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=list(config.lora.targets),
        layers_to_transform=list(range(config.lora.first_layer, layers)),
        task_type=task,
    )


def choose_records(config: RunConfig, name: str) -> list[dict[str, Any]]:
    """The records of a data file that the config asks for, shuffled by its seed.

    Raises:
        InputError: The file can't be read, or holds none of what is asked for.
    """
    records = read_records(config.data / name)
    Random(f"records:{config.seed}").shuffle(records)
    if config.skills:
        left = dict(config.skills)
        chosen = []
        for record in records:
            if left.get(record["skill"], 0) > 0:
                left[record["skill"]] -= 1
                chosen.append(record)
        records = chosen
    if not records:
        raise InputError(
            f"{config.data / name} holds no rows of the skills {sorted(config.skills)}.",
            "See the data card for the skills that there are.",
        )
    return records


def common_arguments(config: RunConfig) -> dict[str, Any]:
    """Arguments that TRL's configs of all stages take."""
    return dict(
        output_dir=str(config.output / "checkpoints"),
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulate,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        max_steps=config.steps or -1,
        num_train_epochs=config.epochs,
        logging_steps=1,
        logging_nan_inf_filter=False,  # else a loss that is no number is never seen
        save_steps=config.save_every,
        save_total_limit=2,
        seed=config.seed,
        bf16=config.dtype == "bfloat16",
        gradient_checkpointing=config.checkpointing,
        use_cpu=not has_gpu(),
        report_to=["tensorboard"],
        dataloader_num_workers=0,
    )


def has_gpu() -> bool:
    """Whether CUDA is there."""
    import torch

    return bool(torch.cuda.is_available())


def fit(trainer: Any, config: RunConfig) -> None:
    """Train, from the last checkpoint where there is one, and save adapter, log and curves.

    Raises:
        ModelError: The loss is no number any more, or memory ran out.
    """
    from transformers import TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint

    config.output.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()

    class Log(TrainerCallback):  # type: ignore[misc]
        """Writes each step's figures, and stops at the first loss that is none."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            row = {"step": state.global_step, "seconds": round(time.perf_counter() - started, 1)}
            row["cpu"] = round(time.process_time(), 2)  # what a shared machine's clock does not say
            row |= {k: v for k, v in (logs or {}).items() if isinstance(v, int | float)}
            if state.is_world_process_zero:
                with (config.output / LOG_FILE).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            if not all(math.isfinite(row.get(key, 0.0)) for key in ("loss", "grad_norm")):
                raise ModelError(
                    f"The loss or its gradient is not a number at step {state.global_step}.",
                    "Lower learning_rate, or take dtype: float32.",
                )

    trainer.add_callback(Log())
    checkpoints = config.output / "checkpoints"
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    if trainer.is_world_process_zero():
        (config.output / "config.json").write_text(config.model_dump_json(indent=1), "utf-8")
    try:
        trainer.train(resume_from_checkpoint=last)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            raise ModelError(
                "Memory ran out in training.",
                "Lower batch_size (and raise accumulate), lower max_tokens, "
                "or set checkpointing: true.",
            ) from error
        raise
    trainer.save_model(str(config.output / "adapter"))
    if trainer.is_world_process_zero():
        draw_curves(config.output)


def read_log(folder: Path) -> list[dict[str, float]]:
    """The figures of a run by step; of a step that was repeated after a kill, the last."""
    rows: dict[int, dict[str, float]] = {}
    for line in (folder / LOG_FILE).read_text("utf-8").splitlines():
        row = json.loads(line)
        if "loss" in row:
            rows[row["step"]] = row
    return [rows[step] for step in sorted(rows)]


def draw_curves(
    folder: Path, keys: Sequence[str] = ("loss", "mean_token_accuracy", "reward")
) -> None:
    """A PNG with the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read_log(folder)
    shown = [
        key for key in (*keys, "rewards/accuracies", "accuracy") if any(key in r for r in rows)
    ]
    figure, axes = pyplot.subplots(1, max(1, len(shown)), figsize=(5 * max(1, len(shown)), 3.5))
    for axis, key in zip(figure.axes, shown, strict=False):
        points = [(row["step"], row[key]) for row in rows if key in row]
        axis.plot(*zip(*points, strict=True))
        axis.set(title=key, xlabel="step")
    figure.tight_layout()
    figure.savefig(folder / CURVES, dpi=110)
    pyplot.close(figure)
