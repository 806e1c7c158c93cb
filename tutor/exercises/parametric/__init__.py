"""Computed questions: a seed gives the numbers, code computes the key and what mistakes lead to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from random import Random

from corpus.roadmap import load_roadmap
from tutor.errors import NotFoundError
from tutor.exercises.bank import lesson_citation
from tutor.exercises.parametric.family import FAMILIES, Family, Instance, show
from tutor.exercises.question import Mistake, Question, suggest

__all__ = ["FAMILIES", "Family", "Instance", "families", "family_ids", "parametric_question"]

# Importing a module registers its families.
_MODULES = (
    "stage1_basics",
    "stage1_networks",
    "stage1_tools",
    "stage2_text",
    "stage2_models",
    "stage2_tools",
    "stage3",
    "stage3_training",
    "stage4_models",
    "stage4_training",
    "stage5_alignment",
    "stage5_inference",
    "stage5_uses",
    "stage6",
    "stage7",
)
for _module in _MODULES:
    import_module(f"{__name__}.{_module}")

_AS_CHOICE = ".choice"  # ends the id of a numeric family whose mistakes serve as options
_DISTRACTORS = 3


@cache
def _variants() -> dict[str, Family]:
    variants: dict[str, Family] = {}
    for name, family in FAMILIES.items():
        variants[name] = family
        sample = family.make(_rng(family, 0))
        if sample.kind == "numeric" and len(sample.mistakes) >= _DISTRACTORS:
            variants[name + _AS_CHOICE] = family
    return variants


def family_ids() -> list[str]:
    """All names that an id `param:<name>:<seed>` can carry."""
    return list(_variants())


def families(kind: str | None = None) -> dict[str, Family]:
    """Families by the name to ask for them; with a kind, those that give such questions."""
    return {
        name: family
        for name, family in _variants().items()
        if kind is None or _kind(name, family) == kind
    }


def parametric_question(name: str, seed: int) -> Question:
    """The instance of a family that a seed gives.

    Raises:
        NotFoundError: There is no such family; the cure names the nearest one.
    """
    if name not in _variants():
        raise NotFoundError(
            f"There is no family '{name[:80]}'.", suggest(name, family_ids(), "param:%s:0")
        )
    family = _variants()[name]
    rng = _rng(family, seed)
    instance = family.make(rng)
    question = Question(
        id=f"param:{name}:{seed}",
        kind="numeric",
        stage=load_roadmap().stage_of(family.topic),
        topic=family.topic,
        difficulty=instance.difficulty,
        prompt=instance.prompt,
        source="parametric",
        unit=instance.unit,
        citation=lesson_citation(family.topic, "Precisely"),
        explanation=instance.explanation,
        objective=family.objective,
    )
    if _kind(name, family) == "numeric":
        mistakes = (Mistake(float(value), why) for why, value in instance.mistakes.items())
        return replace(
            question, key=instance.key, tolerance=instance.tolerance, mistakes=tuple(mistakes)
        )
    options = [(_option(instance.key, instance.unit), "")]
    for why, value in list(instance.mistakes.items())[:_DISTRACTORS]:
        options.append((_option(value, instance.unit), f"It looks as if {why}."))
    right = options[0]
    rng.shuffle(options)
    return replace(
        question,
        kind="choice",
        unit=None,
        options=tuple(text for text, _ in options),
        option_whys=tuple(why for _, why in options),
        key=options.index(right),
    )


def _kind(name: str, family: Family) -> str:
    return "choice" if name.endswith(_AS_CHOICE) else _own_kind(family.id)


@cache
def _own_kind(family_id: str) -> str:
    family = FAMILIES[family_id]
    return family.make(_rng(family, 0)).kind


def _rng(family: Family, seed: int) -> Random:
    return Random(f"{family.id}:{seed}")


def _option(value: float | str, unit: str | None) -> str:
    if isinstance(value, str):
        return value
    return f"{show(value)} {unit}" if unit else show(value)
