"""Rows of training data, the recorder that takes them from the serving code, and their files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tutor.errors import InputError, ServerError
from tutor.models.llm import Message, Structured

Turns = list[dict[str, str]]


@dataclass(frozen=True)
class Row:
    """One supervised example.

    Attributes:
        skill: What is trained, such as "grounded".
        topic: Roadmap topic, by which rows are split.
        source: What it was made from, such as "lesson:rlhf".
        prompt: Messages before the reply, as the server gets them.
        target: The reply.
    """

    skill: str
    topic: str
    source: str
    prompt: tuple[Message, ...]
    target: str

    def to_record(self) -> dict[str, Any]:
        """TRL's conversational prompt-completion format, with what the row came from."""
        return {
            "skill": self.skill,
            "topic": self.topic,
            "source": self.source,
            "prompt": _turns(self.prompt),
            "completion": [{"role": "assistant", "content": self.target}],
        }


@dataclass(frozen=True)
class Pair:
    """A preference: two replies to one prompt.

    Attributes:
        flaw: What is wrong with the rejected reply, such as "invented citation".
    """

    skill: str
    flaw: str
    topic: str
    source: str
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str

    def to_record(self) -> dict[str, Any]:
        """TRL's conversational preference format."""
        return {
            "skill": self.skill,
            "flaw": self.flaw,
            "topic": self.topic,
            "source": self.source,
            "prompt": _turns(self.prompt),
            "chosen": [{"role": "assistant", "content": self.chosen}],
            "rejected": [{"role": "assistant", "content": self.rejected}],
        }


def _turns(messages: Sequence[Message]) -> Turns:
    return [asdict(message) for message in messages]


class Recorder:
    """An LLM that replies with given targets and keeps the prompts that it was asked with.

    Args:
        targets: Replies in order; JSON for structured ones. The last one is repeated.
    """

    name = "recorder"
    context_length = 4096

    def __init__(self, *targets: str) -> None:
        self._targets = list(targets)
        self.asked: list[tuple[tuple[Message, ...], str]] = []

    def _next(self, messages: Sequence[Message]) -> str:
        target = self._targets.pop(0) if len(self._targets) > 1 else self._targets[0]
        self.asked.append((tuple(messages), target))
        return target

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """The target at once."""
        yield self._next(messages)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> str:
        """The target."""
        return self._next(messages)

    def structured(
        self,
        messages: Sequence[Message],
        schema: type[Structured],
        *,
        max_tokens: int,
        temperature: float = 0.0,
    ) -> Structured:
        """The target, parsed by the serving schema; one of another schema is no reply."""
        try:
            return schema.model_validate_json(self._next(messages))
        except ValidationError as error:
            raise ServerError(f"The target is no {schema.__name__}.") from error

    def count_tokens(self, text: str) -> int:
        """Four characters a token."""
        return len(text) // 4 + 1


def write_rows(rows: Iterable[Row | Pair], path: Path) -> None:
    """Write rows as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row.to_record(), ensure_ascii=False) + "\n")


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read what `write_rows` wrote.

    Raises:
        InputError: There is no such file, or a line is no row.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"The data {path} can't be read: {error.strerror}.",
            "Make it with 'python -m finetune.data --out DIR', and name DIR in the config.",
        ) from error
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if not isinstance(record["prompt"], list):
                raise ValueError("prompt is no list")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}, line {number}: no row ({error}).", "Make it anew."
            ) from error
        records.append(record)
    return records
