"""Reward model: `python -m finetune.reward CONFIG [--set key=value …]`.

A scalar head on the language model, trained on pairs with the Bradley-Terry loss (Ouyang et al.
2022, arXiv:2203.02155, section 3.5). Accuracy on the held-out pairs is printed and logged.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from finetune.config import RunConfig
from finetune.data.rows import read_records
from finetune.training import (
    base_folder,
    choose_records,
    common_arguments,
    fit,
    load_tokenizer,
    lora_config,
    run_stage,
)
from tutor.errors import InputError, ModelError

HELD_OUT_PAIRS = 64  # scored at the end


def train(config: RunConfig) -> Any:
    """Run the stage; returns the trainer.

    Raises:
        TutorError: Config, data or model can't be used, or training failed.
    """
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    folder = base_folder(config.base)
    tokenizer = load_tokenizer(folder)
    model = load_scorer(config, folder, tokenizer)
    pairs = as_pairs(choose_records(config, "preferences.jsonl"), tokenizer, config.max_tokens)
    records = read_records(config.data / "preferences_held_out.jsonl")
    if config.skills:  # it is measured on what it is trained for
        records = [record for record in records if record["skill"] in config.skills]
    held_out = as_pairs(records, tokenizer, config.max_tokens)[:HELD_OUT_PAIRS]
    if not pairs or not held_out:
        raise InputError(
            f"No pair, or none held out, has {config.max_tokens} tokens or fewer.",
            "Raise max_tokens.",
        )
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(
            **common_arguments(config),
            max_length=config.max_tokens,
            per_device_eval_batch_size=config.batch_size,
            # Keeps rewards near 0, which Bradley-Terry leaves open.
            center_rewards_coefficient=0.01,
        ),
        train_dataset=Dataset.from_list(pairs),
        eval_dataset=Dataset.from_list(held_out),
        processing_class=tokenizer,
        peft_config=lora_config(config, model.config.num_hidden_layers, "SEQ_CLS"),
    )
    fit(trainer, config)
    figures = trainer.evaluate()
    accuracy = {"held_out_accuracy": figures["eval_accuracy"], "pairs": len(held_out)}
    (config.output / "held_out.json").write_text(json.dumps(accuracy), "utf-8")
    print(f"Held-out pair accuracy: {figures['eval_accuracy']:.3f}")
    return trainer


def load_scorer(config: RunConfig, folder: Any, tokenizer: Any) -> Any:
    """The model with one output, a score."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(config.threads)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=1, dtype=getattr(torch, config.dtype), local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} can't be loaded: {error}.", "Name a model folder.") from error
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def as_pairs(
    records: list[dict[str, Any]], tokenizer: Any, max_tokens: int
) -> list[dict[str, Any]]:
    """Prompt, chosen and rejected alone, of the pairs that are short enough whole."""
    kept = []
    for record in records:
        pair = {name: record[name] for name in ("prompt", "chosen", "rejected")}
        texts = [
            tokenizer.apply_chat_template(pair["prompt"] + pair[name], tokenize=False)
            for name in ("chosen", "rejected")
        ]
        if max(len(tokenizer(text)["input_ids"]) for text in texts) <= max_tokens:
            kept.append(pair)
    return kept


if __name__ == "__main__":
    sys.exit(run_stage("reward", __doc__ or "", train))
