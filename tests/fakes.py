"""Fakes for the models: quick, deterministic, and honest about what they were asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tutor.models.llm import Message


class FakeEmbedder:
    """Hashed bags of words: texts that share words are near, and nothing has to be loaded."""

    name = "fake"
    dimension = 256

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [len(texts), 256], L2-normalised."""
        return _hashed(texts, self.dimension)

    def embed_tokens(
        self, texts: Sequence[str], without: frozenset[str] | None = None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """As `embed`, and each word by itself; each word of a query weighs the same."""
        kept = [[w for w in text.split() if w.lower() not in (without or ())] for text in texts]
        tokens = [_hashed(words, self.dimension) for words in kept]
        if without is None:
            tokens = [rows / max(len(rows), 1) for rows in tokens]
        return self.embed(texts), tokens


def _hashed(texts: Sequence[str], dimension: int) -> np.ndarray:
    rows = np.zeros((len(texts), dimension), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            digest = hashlib.blake2b(word.strip(".,?!").encode(), digest_size=4).digest()
            row[int.from_bytes(digest, "big") % dimension] += 1.0
        row /= np.linalg.norm(row) or 1.0
    return rows


class FakeLLM:
    """Replies from a queue; remembers the prompts it was given."""

    name = "fake-model"
    context_length = 4096

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.prompts: list[list[Message]] = []

    def _next(self, messages: Sequence[Message]) -> str:
        self.prompts.append(list(messages))
        assert self.replies, "the fake model was asked more often than it has replies"
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """The next reply, word by word."""
        reply = self._next(messages)
        yield from (word + " " for word in reply.split(" "))

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> str:
        """The next reply."""
        return self._next(messages)

    def structured(
        self, messages: Sequence[Message], schema: Any, *, max_tokens: int, temperature: float = 0.0
    ) -> Any:
        """The next reply, parsed by the schema."""
        return schema.model_validate_json(self._next(messages))

    def count_tokens(self, text: str) -> int:
        """Four characters a token."""
        return len(text) // 4 + 1
