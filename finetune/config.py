"""The settings of one training run: a small YAML file, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tutor.errors import ConfigError


class LoraSettings(BaseModel):
    """Low-rank adapters (Hu et al. 2021, arXiv:2106.09685, section 4.1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=4, ge=1, le=256)
    alpha: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    first_layer: int = Field(default=0, ge=0, description="Layers below it stay as they are.")
    targets: tuple[str, ...] = Field(
        default=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
    )


class RunConfig(BaseModel):
    """One run of one stage.

    Attributes:
        base: Folder of the float model, a known model's name, or a hub id.
        adapter: Adapter of an earlier stage to go on from, or None.
        reward_model: Adapter of the reward model that GRPO adds to its programmatic reward.
        data: Folder that `python -m finetune.data` wrote.
        skills: Rows to take of each skill; empty takes all rows.
        steps: Optimizer steps; 0 goes through the data `epochs` times.
        dtype: float32 where the CPU has no native bfloat16.
        share_prefix: Compute the prompt's beginning that a batch shares once (one process only).
        beta: Strength of the KL constraint of DPO and GRPO.
        rollouts: What samples GRPO's replies; vLLM, beside the training, needs a GPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Literal["sft", "reward", "dpo", "grpo"]
    base: str = Field(min_length=1)
    adapter: Path | None = None
    reward_model: Path | None = None
    data: Path
    output: Path
    skills: dict[str, int] = Field(default_factory=dict)
    seed: int = Field(0, ge=0)
    steps: int = Field(0, ge=0)
    epochs: float = Field(1.0, gt=0)
    batch_size: int = Field(4, ge=1)
    accumulate: int = Field(1, ge=1)
    learning_rate: float = Field(5e-4, gt=0, lt=1)
    warmup_steps: int = Field(5, ge=0)
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    max_tokens: int = Field(640, ge=16, description="Longer rows are left out, never cut.")
    dtype: Literal["float32", "bfloat16"] = "float32"
    threads: int = Field(1, ge=1)
    save_every: int = Field(20, ge=1)
    share_prefix: bool = True
    checkpointing: bool = False
    lora: LoraSettings | None = LoraSettings()
    beta: float = Field(0.1, ge=0)
    completions: int = Field(4, ge=2, description="GRPO: replies sampled for a prompt.")
    reply_tokens: int = Field(120, ge=8, description="GRPO: longest sampled reply.")
    rollouts: Literal["transformers", "vllm"] = "transformers"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(count < 0 for count in self.skills.values()):
            raise ValueError("skills: a number of rows is below 0")
        if self.adapter is not None and self.lora is None:
            raise ValueError("adapter: a full fine-tuning (lora: null) can't go on from an adapter")
        if self.stage == "grpo" and self.batch_size % self.completions:
            raise ValueError("batch_size must be a multiple of completions for grpo")
        return self


def load_config(path: Path, stage: str, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run's YAML; `overrides` are "key=value" or "lora.key=value" with YAML values.

    Raises:
        ConfigError: The file or an override is malformed; the message names the key.
    """
    try:
        data: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The config {path} can't be read: {error}.", "Examples lie in finetune/configs/."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {error}.", "See finetune/configs/.") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no settings.", "Examples lie in finetune/configs/.")
    for override in overrides:
        _apply(data, override)
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the settings"
        raise ConfigError(
            f"{path}: {key} is not usable: {first['msg']}.",
            f"Correct it there or with --set {key}=VALUE.",
        ) from error
    if config.stage != stage:
        raise ConfigError(
            f"{path} is a config of the stage {config.stage}.",
            f"Run it with 'python -m finetune.{config.stage} {path}'.",
        )
    return config


def _apply(data: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: not of the form key=value.", "For example steps=50.")
    place = data
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {override}: {key} has no keys below it.")
        place = inner
    try:
        place[keys[-1]] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override}: the value is no YAML ({error}).") from error
