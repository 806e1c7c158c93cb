"""The local model as a writer: the same prompts as the server's, one variant, token by token."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from tutor.errors import ServerError
from tutor.inside.sampling import filtered
from tutor.inside.weights import LocalModel
from tutor.models.llm import Message, Structured

CONTEXT = 4096


class LocalLLM:
    """An LLM over one variant of the local model, for one reply; remembers how it came about.

    Attributes:
        messages: The prompt.
        tokens: Written so far.
        first_token_s: Seconds until the first one; 0 before it.
        writing_s: Seconds that writing took so far, the first token included.
        ended: Whether the reply came to its own end or to its limit.
    """

    def __init__(self, local: LocalModel, variant: str) -> None:
        self._local = local
        self.name = variant
        self.context_length = min(CONTEXT, local.settings.context_length)
        self.messages: tuple[Message, ...] = ()
        self.tokens = 0
        self.first_token_s = 0.0
        self.writing_s = 0.0
        self.ended = False

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """The reply as text deltas; closing the iterator ends it.

        Raises:
            ModelError: The model can't be had.
        """
        self.messages = tuple(messages)
        tokenizer = self._local.tokenizer
        ids = self._encode(messages)
        ends = {tokenizer.eos_token_id}
        written: list[int] = []
        told = ""
        cache: Any = None
        while len(written) < max_tokens:
            began = time.perf_counter()
            drawn, cache = self._step(ids, cache, temperature)
            self.writing_s += time.perf_counter() - began
            self.first_token_s = self.first_token_s or self.writing_s
            if drawn in ends:
                break
            self.tokens += 1
            written.append(drawn)
            ids = [drawn]
            text = str(tokenizer.decode(written, skip_special_tokens=True))
            cut = min((at for at in map(text.find, stop) if at >= 0), default=-1)
            if cut >= 0:
                yield text[len(told) : cut]
                break
            if not text.endswith("\ufffd"):  # the rest of the character is to come
                yield text[len(told) :]
                told = text
        self.ended = True

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> str:
        """The whole reply."""
        return "".join(
            self.stream(messages, max_tokens=max_tokens, temperature=temperature, stop=stop)
        )

    def structured(
        self,
        messages: Sequence[Message],
        schema: type[Structured],
        *,
        max_tokens: int,
        temperature: float = 0.0,
    ) -> Structured:
        """Not here: nothing keeps this model to a schema."""
        raise ServerError("The local model writes prose alone.", "Ask the model server.")

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the chat template."""
        return len(self._local.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        text = self._local.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        return list(self._local.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _step(self, ids: list[int], cache: Any, temperature: float) -> tuple[int, Any]:
        """One more token. The weights are held for this long alone, so a reply can be left."""
        import random

        import torch

        with self._local.weights(self.name) as model, torch.inference_mode():
            output = model(
                torch.tensor([ids]), past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            logits = output.logits[0, -1].float()
            if temperature == 0:
                return int(logits.argmax()), output.past_key_values
            chances = filtered(logits.numpy(), temperature, 0, 1.0).tolist()
        [drawn] = random.choices(range(len(chances)), weights=chances)
        return drawn, output.past_key_values
