"""What a family of computed questions is, and how its instances are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

_ATTEMPTS = 500


@dataclass(frozen=True)
class Instance:
    """One draw of a family.

    Attributes:
        prompt: Markdown with every number that the key depends on.
        key: The right number, or the right option's text (kind choice).
        mistakes: What a named mistake leads to, by the sentence that names it ("you …").
        explanation: How the key comes about.
        given: The numbers of the prompt, by name; numbers or nested lists of numbers.
        tolerance: Largest absolute deviation that still counts as right.
    """

    prompt: str
    key: float | str
    mistakes: Mapping[str, float | str]
    explanation: str
    given: Mapping[str, Any]
    tolerance: float = 0.0
    unit: str | None = None
    difficulty: int = 2
    kind: Literal["numeric", "choice"] = field(default="numeric")

    @property
    def distinct(self) -> bool:
        """Whether key and mistakes can be told apart beyond the tolerance."""
        values = [self.key, *self.mistakes.values()]
        if self.kind == "choice":
            return len({str(value).casefold() for value in values}) == len(values)
        numbers = [float(value) for value in values]
        if not all(map(math.isfinite, numbers)):
            return False
        margin = 2 * self.tolerance + 1e-9 * max(map(abs, numbers))
        ordered = sorted(numbers)
        return all(b - a > margin for a, b in zip(ordered, ordered[1:], strict=False))


@dataclass(frozen=True)
class Family:
    """A kind of question with unlimited instances.

    Attributes:
        objective: Index into the topic's objectives.
        draw: Draws one instance; may return one whose mistakes coincide.
    """

    id: str
    topic: str
    title: str
    objective: int
    draw: Callable[[Random], Instance]

    def make(self, rng: Random) -> Instance:
        """Draw until the key and all mistakes are distinct."""
        for _ in range(_ATTEMPTS):
            instance = self.draw(rng)
            if instance.distinct:
                return instance
        raise AssertionError(f"{self.id} draws no distinct options")


FAMILIES: dict[str, Family] = {}


def family(
    family_id: str, topic: str, title: str, objective: int = 0
) -> Callable[[Callable[[Random], Instance]], Callable[[Random], Instance]]:
    """Register a function that draws instances."""

    def register(draw: Callable[[Random], Instance]) -> Callable[[Random], Instance]:
        FAMILIES[family_id] = Family(family_id, topic, title, objective, draw)
        return draw

    return register


def show(number: float) -> str:
    """A number as prompts and options write it: 1,234,567 · 0.25 · 3.14e+22."""
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{int(number):,}" if abs(number) >= 10_000 else str(int(number))
    return f"{number:.6g}"


def listed(numbers: Sequence[float]) -> str:
    """A vector as prompts write it."""
    return "[" + ", ".join(show(number) for number in numbers) + "]"


def draws(rng: Random, count: int, low: float, high: float, step: float) -> list[float]:
    """Distinct multiples of `step` between `low` and `high`."""
    size = round((high - low) / step)
    return [round(low + k * step, 10) for k in rng.sample(range(size + 1), count)]
