"""Preference tuning: `python -m finetune.dpo CONFIG [--set key=value …]`.

Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290, section 4) from the SFT
adapter. The reference is the SFT model: TRL keeps a frozen copy of its adapter.
"""

from __future__ import annotations

import sys
from typing import Any

from finetune.config import RunConfig
from finetune.reward import as_pairs
from finetune.training import (
    base_folder,
    choose_records,
    common_arguments,
    fit,
    load_model,
    load_tokenizer,
    lora_config,
    run_stage,
)
from tutor.errors import InputError


def train(config: RunConfig) -> Any:
    """Run the stage; returns the trainer.

    Raises:
        TutorError: Config, data or model can't be used, or training failed.
    """
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    folder = base_folder(config.base)
    tokenizer = load_tokenizer(folder)
    model = load_model(config, folder)
    pairs = as_pairs(choose_records(config, "preferences.jsonl"), tokenizer, config.max_tokens)
    if not pairs:
        raise InputError(f"No pair has {config.max_tokens} tokens or fewer.", "Raise max_tokens.")
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(**common_arguments(config), max_length=config.max_tokens, beta=config.beta),
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
        peft_config=lora_config(config, model.config.num_hidden_layers),
    )
    fit(trainer, config)
    return trainer


if __name__ == "__main__":
    sys.exit(run_stage("dpo", __doc__ or "", train))
