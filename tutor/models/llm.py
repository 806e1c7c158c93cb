"""What a language model is to the rest of Tutor, and how a prompt is made to fit one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel

from tutor.errors import ConfigError

Structured = TypeVar("Structured", bound=BaseModel)

# What the chat template wraps around each message (ChatML: 5 tokens).
MESSAGE_OVERHEAD = 8
# Room for a template that inserts a default system prompt of its own.
MARGIN = 32
ELLIPSIS = "\n[…]\n"


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class LLM(Protocol):
    """A language model that chats. All but `count_tokens` raise ServerError."""

    name: str
    context_length: int

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """Yields the reply as text deltas; closing the iterator ends generation."""
        ...

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> str:
        """The whole reply."""
        ...

    def structured(
        self,
        messages: Sequence[Message],
        schema: type[Structured],
        *,
        max_tokens: int,
        temperature: float = 0.0,
    ) -> Structured:
        """A reply that the server keeps to the schema; cut off or invalid is a ServerError."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the chat template."""
        ...


def fit_messages(
    llm: LLM, system: str, history: Sequence[Message], user: str, max_tokens: int
) -> list[Message]:
    """The prompt, small enough that `max_tokens` of reply fit behind it.

    The oldest turns of the history go first; then the middle of `user`, whose two ends
    (instructions and question) matter most.

    Raises:
        ConfigError: The system prompt alone leaves no room.
    """

    def cost(text: str) -> int:
        return llm.count_tokens(text) + MESSAGE_OVERHEAD

    room = llm.context_length - max_tokens - MARGIN - cost(system)
    if room <= 2 * MESSAGE_OVERHEAD:
        raise ConfigError(
            f"A context of {llm.context_length} tokens is too small for this task.",
            "Raise TUTOR_CONTEXT_LENGTH, or use a model with a longer context.",
        )
    wanted = cost(user)
    kept: list[Message] = []
    left = room - wanted
    for message in reversed(history):
        left -= cost(message.content)
        if left < 0:
            break
        kept.insert(0, message)
    # A reply whose question is gone would puzzle the model.
    while kept and kept[0].role == "assistant":
        kept.pop(0)
    if wanted > room:
        user = _cut_middle(user, lambda text: cost(text) <= room)
    return [Message("system", system), *kept, Message("user", user)]


def _cut_middle(text: str, fits: Callable[[str], bool]) -> str:
    """The longest head and tail of equal length that fit, joined by an ellipsis."""
    low, high = 0, len(text) // 2
    while low < high:
        half = (low + high + 1) // 2
        if fits(text[:half] + ELLIPSIS + text[len(text) - half :]):
            low = half
        else:
            high = half - 1
    return text[:low] + ELLIPSIS + text[len(text) - low :] if low else ""
