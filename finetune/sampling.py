"""Greedy replies and perplexity of a float model, with or without an adapter, by transformers.

For measuring where no server runs: the prompts are the serving ones, byte for byte.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.data.rows import _turns
from finetune.training import load_tokenizer
from tutor.errors import ModelError
from tutor.models.llm import Message


class Sampler:
    """A model in float32 on one thread.

    Args:
        folder: The float model.
        adapter: A LoRA adapter to merge into it.

    Raises:
        ModelError: One of them can't be loaded.
    """

    def __init__(self, folder: Path, adapter: Path | None = None) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(1)
        self.tokenizer = load_tokenizer(folder)
        try:
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True
            )
            if adapter is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        except (OSError, ValueError) as error:
            raise ModelError(f"{adapter or folder} can't be loaded: {error}.") from error
        self.model: Any = model.eval()

    def replies(
        self, prompts: Sequence[Sequence[Message]], max_tokens: int, batch: int = 8
    ) -> list[str]:
        """The greedy reply to each prompt; prompts of like length are written together."""
        import torch

        texts = [
            self.tokenizer.apply_chat_template(
                _turns(prompt), tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        done: dict[int, str] = {}
        self.tokenizer.padding_side = "left"
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            inputs = self.tokenizer(
                [texts[i] for i in part],
                return_tensors="pt",
                padding=True,
                add_special_tokens=False,
            )
            with torch.no_grad():
                output = self.model.generate(
                    **inputs,
                    max_new_tokens=max_tokens,
                    do_sample=False,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            width = inputs["input_ids"].shape[1]
            for i, ids in zip(part, output, strict=True):
                done[i] = self.tokenizer.decode(ids[width:], skip_special_tokens=True).strip()
            print(f"\r{len(done)} of {len(texts)} replies", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return [done[i] for i in range(len(texts))]

    def perplexity(self, text: str) -> float:
        """Perplexity of a text, paragraph by paragraph."""
        import torch

        total, count = 0.0, 0
        for paragraph in filter(None, map(str.strip, text.split("\n\n"))):
            ids = self.tokenizer(paragraph, return_tensors="pt", add_special_tokens=False)
            with torch.no_grad():
                loss = self.model(**ids, labels=ids["input_ids"]).loss
            tokens = ids["input_ids"].shape[1] - 1
            total, count = total + float(loss) * tokens, count + tokens
        return float(torch.exp(torch.tensor(total / count)))
