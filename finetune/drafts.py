"""Replies that were written while measuring, kept as they come: a second run asks for the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tutor.models.llm import Message

FILE = "drafts.jsonl"


def fingerprint(base: Path, adapter: Path | None = None) -> str:
    """What a model's replies depend on: the base's place and size, the adapter's content."""
    weights = (base / "model.safetensors", base / "config.json")
    parts = [str(base), *(str(path.stat().st_size) for path in weights if path.exists())]
    if adapter is not None:
        for path in sorted(adapter.glob("adapter_*")):
            parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class Drafts:
    """The replies in DIR/drafts.jsonl, by model, prompt and length; damaged lines are passed over.

    Args:
        folder: Where they are kept.
        models: Fingerprint of each model by its name.
    """

    def __init__(self, folder: Path, models: dict[str, str]) -> None:
        self._path = folder / FILE
        self._models = models
        self._known: dict[str, str] = {}
        if self._path.exists():
            for line in self._path.read_text("utf-8").splitlines():
                try:
                    row = json.loads(line)
                    self._known[row["key"]] = row["reply"]
                except (ValueError, KeyError, TypeError):
                    continue

    def find(self, model: str, prompt: Sequence[Message], tokens: int) -> str | None:
        """The model's reply to a prompt, if it was written before."""
        return self._known.get(self._key(model, prompt, tokens))

    def add(self, model: str, tokens: int, rows: Iterable[tuple[Any, str, dict[str, Any]]]) -> None:
        """Keep replies with their figures: (what has the prompt, reply, figures) each."""
        with self._path.open("a", encoding="utf-8") as file:
            for one, reply, figures in rows:
                key = self._key(model, one.prompt, tokens)
                asked = one.prompt[-1].content[-300:]
                line = {"key": key, "model": model, "asked": asked, "reply": reply, **figures}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                self._known[key] = reply

    def _key(self, model: str, prompt: Sequence[Message], tokens: int) -> str:
        parts = [self._models.get(model, model), str(tokens), *(m.content for m in prompt)]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]
