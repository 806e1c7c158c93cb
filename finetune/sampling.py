"""Greedy replies, choices and perplexity of a float model by transformers, adapter or not.

For measuring where no server runs: the prompts are the serving ones, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.data.rows import _turns
from finetune.training import load_tokenizer
from tutor.draft import repeats_itself, whole_sentences
from tutor.errors import ModelError
from tutor.models.llm import Message


class Sampler:
    """A model in float32.

    Args:
        folder: The float model.
        adapter: A LoRA adapter to merge into it.
        threads: Cores to use.

    Raises:
        ModelError: One of them can't be loaded.
    """

    def __init__(self, folder: Path, adapter: Path | None = None, threads: int = 1) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(threads)
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

    def replies(self, prompts: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:
        """The greedy reply to each prompt, all written at once.

        What the prompts begin with in common is computed once. A reply that goes round in circles
        is ended, as the tutor ends it.
        """
        import torch

        ids = [self._encode(prompt) for prompt in prompts]
        shared = min(len(row) for row in ids) - 1
        shared = next((k for k in range(shared) if len({r[k] for r in ids}) > 1), shared)
        width = max(map(len, ids)) - shared
        rest = [row[shared:] for row in ids]
        padded = torch.tensor([row + [self._end] * (width - len(row)) for row in rest])
        seen = torch.tensor([[1] * (shared + len(r)) + [0] * (width - len(r)) for r in rest])
        written: list[list[int]] = [[] for _ in ids]
        done = [False] * len(ids)
        with torch.no_grad():
            options: dict[str, Any] = {"use_cache": True}
            if shared:
                start = self.model.model(input_ids=torch.tensor([ids[0][:shared]]), use_cache=True)
                start.past_key_values.batch_repeat_interleave(len(ids))
                options["past_key_values"] = start.past_key_values
            output = self.model.model(input_ids=padded, attention_mask=seen, **options)
            last = torch.tensor([len(row) - 1 for row in rest])
            hidden = output[0][torch.arange(len(ids)), last]
            for step in range(max_tokens):
                following = self.model.lm_head(hidden).argmax(-1)
                for row, token in enumerate(following.tolist()):
                    if not done[row] and token != self._end:
                        written[row].append(token)
                        done[row] = step % 16 == 15 and self._circles(written[row])
                    else:
                        done[row] = True
                if all(done):
                    break
                seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
                output = self.model.model(
                    input_ids=following[:, None],
                    attention_mask=seen,
                    # Behind its own last token, not behind the padding.
                    position_ids=seen.sum(1, keepdim=True) - 1,
                    past_key_values=output.past_key_values,
                    use_cache=True,
                )
                hidden = output[0][:, -1]
        return [self._decode(row) for row in written]

    @property
    def _end(self) -> int:
        return int(self.tokenizer.eos_token_id)

    def _encode(self, prompt: Sequence[Message]) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            _turns(prompt), tokenize=False, add_generation_prompt=True
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()

    def _circles(self, ids: Sequence[int]) -> bool:
        return any(repeats_itself(sentence) for sentence in whole_sentences(self._decode(ids)))

    def choice(self, question: str, options: Sequence[str]) -> int:
        """The option that is likeliest behind the question, by mean log-probability a token."""
        import torch

        start = self.tokenizer(f"Question: {question}\nAnswer:", add_special_tokens=False)
        start = start["input_ids"]
        ends = [self.tokenizer(f" {o}", add_special_tokens=False)["input_ids"] for o in options]
        width = max(map(len, ends))
        padded = torch.tensor([start + end + [self._end] * (width - len(end)) for end in ends])
        with torch.no_grad():  # what stands right of an option's tokens does not reach them
            hidden = self.model.model(input_ids=padded)[0][:, len(start) - 1 : -1]
            guessed = self.model.lm_head(hidden).float().log_softmax(-1)
        said = guessed.gather(-1, padded[:, len(start) :, None])[..., 0]
        means = [float(row[: len(end)].mean()) for row, end in zip(said, ends, strict=True)]
        return max(range(len(means)), key=means.__getitem__)

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
