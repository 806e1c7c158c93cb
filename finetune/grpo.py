"""Reinforcement learning: `python -m finetune.grpo CONFIG [--set key=value …]`.

Group relative policy optimization (Shao et al. 2024, arXiv:2402.03300, section 4.1): several
replies to each prompt, rewarded by `finetune.rewards` (and a trained reward model where the config
names one), with a KL penalty to the model it starts from. Replies are sampled by transformers, or
on a GPU by vLLM in the same process (`rollouts: vllm`), which gets the new weights at each step.
"""

from __future__ import annotations

import sys
from typing import Any

from finetune.config import RunConfig
from finetune.rewards import reward_batch
from finetune.training import (
    base_folder,
    choose_records,
    common_arguments,
    fit,
    has_gpu,
    load_model,
    load_tokenizer,
    lora_config,
    run_stage,
)
from tutor.errors import ConfigError, InputError


def train(config: RunConfig) -> Any:
    """Run the stage; returns the trainer.

    Raises:
        TutorError: Config, data or model can't be used, or training failed.
    """
    if config.rollouts == "vllm" and not has_gpu():
        raise ConfigError("Rollouts by vLLM need a GPU.", "Set rollouts: transformers.")
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    folder = base_folder(config.base)
    tokenizer = load_tokenizer(folder)
    model = load_model(config, folder)
    rows = [_row(record) for record in choose_records(config, "sft.jsonl")]
    rows = [row for row in rows if _tokens(row["prompt"], tokenizer) <= config.max_tokens]
    if not rows:
        raise InputError(f"No prompt has {config.max_tokens} tokens or fewer.", "Raise max_tokens.")
    rewards: list[Any] = [reward_batch]
    options: dict[str, Any] = {}
    if config.reward_model is not None:
        rewards.append(_scorer(config, folder, tokenizer))
        options["reward_processing_classes"] = [None, tokenizer]
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=rewards,
        args=GRPOConfig(
            **common_arguments(config),
            num_generations=config.completions,
            max_completion_length=config.reply_tokens,
            beta=config.beta,
            temperature=1.0,
            use_vllm=config.rollouts == "vllm",
            vllm_mode="colocate",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora_config(config, model.config.num_hidden_layers),
        **options,
    )
    fit(trainer, config)
    return trainer


def _row(record: dict[str, Any]) -> dict[str, Any]:
    row = {name: record[name] for name in ("prompt", "skill", "source")}
    return row | {"target": record["completion"][0]["content"]}


def _tokens(prompt: list[dict[str, str]], tokenizer: Any) -> int:
    text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    return len(tokenizer(text)["input_ids"])


def _scorer(config: RunConfig, folder: Any, tokenizer: Any) -> Any:
    from peft import PeftModel

    from finetune.reward import load_scorer

    scorer = PeftModel.from_pretrained(
        load_scorer(config, folder, tokenizer), str(config.reward_model)
    )
    return scorer.merge_and_unload().eval()


if __name__ == "__main__":
    sys.exit(run_stage("grpo", __doc__ or "", train))
