"""Supervised fine-tuning: `python -m finetune.sft CONFIG [--set key=value …]`.

TRL's SFTTrainer with loss on the reply alone. All rows of a skill begin with the same system
prompt: with `share_prefix` a batch computes it once, and the output layer sees the replies' tokens
alone. Both are exact, and together nearly twice as fast on a CPU (finetune/LOG.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from finetune.config import RunConfig
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
from tutor.errors import ConfigError, InputError

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100  # label of a token without loss


def train(config: RunConfig) -> Any:
    """Run the stage; returns the trainer.

    Raises:
        TutorError: Config, data or model can't be used, or training failed.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    folder = base_folder(config.base)
    tokenizer = load_tokenizer(folder)
    model = load_model(config, folder)
    records = [encode(record, tokenizer) for record in choose_records(config, "sft.jsonl")]
    records = [r for r in records if len(r["input_ids"]) <= config.max_tokens]
    if not records:
        raise InputError(f"No row has {config.max_tokens} tokens or fewer.", "Raise max_tokens.")
    if config.share_prefix:
        records = [r for batch in batches(records, config.batch_size, config.seed) for r in batch]
    dataset = Dataset.from_list([{k: r[k] for k in ("input_ids", "labels")} for r in records])
    arguments = SFTConfig(
        **common_arguments(config),
        max_length=None,
        packing=False,
        shuffle_dataset=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        average_tokens_across_devices=False,
    )

    class SharedPrefixTrainer(SFTTrainer):  # type: ignore[misc]
        """SFTTrainer that computes a batch's common beginning once."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            from torch.utils.data import SequentialSampler

            return SequentialSampler(self.train_dataset)

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            loss, right, count = shared_prefix_loss(self.accelerator.unwrap_model(model), inputs)
            self._metrics["train"]["mean_token_accuracy"].append(right / count)
            loss = loss / (count if num_items_in_batch is None else num_items_in_batch)
            return (loss, None) if return_outputs else loss

    if config.share_prefix and _processes() > 1:
        raise ConfigError(
            "share_prefix works in one process alone.", "Set share_prefix: false to use several."
        )
    trainer_class = SharedPrefixTrainer if config.share_prefix else SFTTrainer
    trainer = trainer_class(
        model=model,
        args=arguments,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=lora_config(config, model.config.num_hidden_layers),
    )
    fit(trainer, config)
    return trainer


def encode(record: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """Token ids of prompt and reply, labels on the reply and its end alone."""
    prompt = tokenizer.apply_chat_template(
        record["prompt"], tokenize=False, add_generation_prompt=True
    )
    whole = tokenizer.apply_chat_template(record["prompt"] + record["completion"], tokenize=False)
    # What the template puts behind the end of the reply is never generated.
    whole = whole[: whole.rindex(tokenizer.eos_token) + len(tokenizer.eos_token)]
    start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    ids = start + tokenizer(whole[len(prompt) :], add_special_tokens=False)["input_ids"]
    labels = [IGNORED] * len(start) + ids[len(start) :]
    return {"input_ids": ids, "labels": labels, "task": record["prompt"][0]["content"]}


def batches(
    records: Sequence[dict[str, Any]], size: int, seed: int
) -> Iterator[list[dict[str, Any]]]:
    """Full batches of one system prompt and of prompts of about the same length, in random order.

    Answers and refusals, which share their system prompt, come in the same batches: in batches of
    their own the few tokens of a refusal have a mean loss that drowns the choice between the two.
    """
    rng = Random(f"batches:{seed}")
    made: list[list[dict[str, Any]]] = []
    for task in sorted({record["task"] for record in records}):
        rows = [record for record in records if record["task"] == task]
        # Sorted within portions: little padding, and yet no epoch that goes from short to long.
        portions = [rows[i : i + 8 * size] for i in range(0, len(rows), 8 * size)]
        for portion in portions:
            portion = sorted(portion, key=lambda record: record["labels"].count(IGNORED))
            parts = [portion[i : i + size] for i in range(0, len(portion), size)]
            made += [part for part in parts if len(part) == size or len(rows) < size]
    rng.shuffle(made)
    yield from made


def shared_prefix_loss(model: Any, inputs: dict[str, Tensor]) -> tuple[Tensor, float, int]:
    """Sum of the reply's token losses, right guesses, and tokens, for a right-padded batch."""
    import torch

    ids, mask, labels = inputs["input_ids"], inputs["attention_mask"], inputs["labels"]
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    shared = prefix_length(ids, labels)
    options: dict[str, Any] = {}
    if shared:
        cache = causal.model(input_ids=ids[:1, :shared], use_cache=True).past_key_values
        cache.batch_repeat_interleave(ids.shape[0])
        options = {"past_key_values": cache, "use_cache": True}
    hidden = causal.model(input_ids=ids[:, shared:], attention_mask=mask, **options)[0]
    # Position i guesses token i + 1; the output layer is a fifth of the model: only where needed.
    targets = labels[:, shared + 1 :]
    wanted = targets != IGNORED
    logits = causal.lm_head(hidden[:, :-1][wanted]).float()
    loss = torch.nn.functional.cross_entropy(logits, targets[wanted], reduction="sum")
    right = (logits.argmax(-1) == targets[wanted]).sum().item()
    return loss, float(right), int(wanted.sum())


def prefix_length(ids: Tensor, labels: Tensor) -> int:
    """How many tokens at the beginning are the same in all rows and without loss."""
    if ids.shape[0] == 1:
        return 0
    same = ((ids == ids[:1]) & (labels == IGNORED)).all(0).long()
    # The last prompt token guesses the first of the reply, so it must stay outside.
    return max(0, int(same.cumprod(0).sum()) - 1)


def _processes() -> int:
    import os

    return int(os.environ.get("WORLD_SIZE", "1"))


if __name__ == "__main__":
    sys.exit(run_stage("sft", __doc__ or "", train))
