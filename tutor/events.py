"""What a chat turn sends out while it runs, and what it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Token:
    """A piece of the draft, as the model writes it."""

    text: str


@dataclass(frozen=True)
class Step:
    """What is being done; the fraction is None where it can't be known."""

    text: str
    fraction: float | None = None


@dataclass(frozen=True)
class Turn:
    """One message of the transcript.

    Attributes:
        content: Markdown.
        payload: {"type": "answer" | "summary" | "question" | "grade" | "text" | "error", …}, for a
            front end that shows more than text.
    """

    role: Literal["user", "assistant"]
    content: str
    payload: dict[str, Any]


Event = Token | Step | Turn
