"""Grading of closed questions: choices and numbers."""

from __future__ import annotations

import math
import re

from tutor.exercises.numeric import close, parse_quantity, readings
from tutor.exercises.question import Grade, Question, Verdict

_CHOICE, _NUMERIC = ("choice",), ("numeric",)
_MISTAKE_SCORE = 0.3  # a number that a named mistake explains
_NEAR_SCORE = 0.5  # a number that is right but for rounding, unit or scale


def letter(index: int) -> str:
    """The letter of an option: 0 is A."""
    return chr(ord("A") + index)


def option_of(options: tuple[str, ...], answer: str | int | float) -> int | None:
    """The option that an answer means: by its text, its letter, or its index from 0."""
    from rapidfuzz import fuzz, process

    if isinstance(answer, int):
        return answer if 0 <= answer < len(options) else None
    text = " ".join(str(answer).casefold().split())
    plain = [" ".join(option.casefold().split()) for option in options]
    for cleaned in (text, text.strip(" .\"'`*")):
        if cleaned in plain:
            return plain.index(cleaned)
    named = re.fullmatch(
        r"(?:(?:i (?:think|choose|pick)|it is|it's|my|the)\s+)*"
        r"(?:answer|option|choice)?\s*(?:is|:)?\s*"
        r"[(\[*\"']*([a-z]|\d{1,2})[)\]*.:\"']*(?:\s.*)?",
        text,
    )
    # "A transformer" and "I think" start sentences: there the letter needs a bracket or full stop.
    if named and (not re.match(r"[ai]\s+\w", text[named.start(1) :]) or named.start(1) > 6):
        index = int(named[1]) if named[1].isdigit() else ord(named[1]) - ord("a")
        others = re.findall(r"(?:\b(?:and|or)|[,/])\s*\(?([a-z]|\d)\)?\b(?!\w)", text)
        if index < len(options) and not others:
            return index
        return None
    if len(text) < 4:
        return None
    ranked = process.extract(text, plain, scorer=fuzz.ratio, limit=2)
    if ranked and ranked[0][1] >= 88 and (len(ranked) == 1 or ranked[0][1] - ranked[1][1] >= 4):
        return int(ranked[0][2])
    return None


def grade_choice(question: Question, answer: str | int | float) -> Grade:
    """Grade a choice; an answer that names no option is unsure."""
    options = question.options or ()
    if isinstance(answer, str) and not answer.strip():
        return Grade(question.id, 0.0, "incorrect", 1.0, "There is no answer yet.", (), (), _CHOICE)
    chosen = option_of(options, answer)
    if chosen is None:
        last = letter(len(options) - 1)
        message = f"I can't tell which option you mean. Answer with one letter, A to {last}."
        return Grade(question.id, 0.0, "unsure", 0.2, message, (), (), _CHOICE)
    if chosen == question.key:
        return Grade(question.id, 1.0, "correct", 1.0, "Right.", (), (), _CHOICE)
    why = question.option_whys[chosen] if chosen < len(question.option_whys) else ""
    message = f"Not this one. {why}".strip()
    return Grade(question.id, 0.0, "incorrect", 1.0, message, (), (), _CHOICE)


def grade_number(question: Question, answer: str) -> Grade:
    """Grade a number: right, explained by a named mistake, a near miss, or wrong."""

    def result(score: float, verdict: Verdict, confidence: float, feedback: str) -> Grade:
        return Grade(question.id, score, verdict, confidence, feedback, (), (), _NUMERIC)

    if not answer.strip():
        return result(0.0, "incorrect", 1.0, "There is no answer yet.")
    quantity = parse_quantity(answer)
    if quantity is None:
        return result(
            0.0, "unsure", 0.2, "I can't tell which number you mean. Write one, like 0.25 or 12 GB."
        )
    key, tolerance = float(question.key or 0), question.tolerance
    values = readings(quantity, question.unit)
    if not values:
        if close(quantity.value, key, tolerance):
            message = f"The number fits, the unit does not: give it in {question.unit}."
            return result(_NEAR_SCORE, "partial", 0.9, message)
        message = f"That unit does not measure this: use {question.unit}."
        return result(0.0, "incorrect", 0.9, message)
    # A mistake can lie within the tolerance of the key: the nearer of the two is what was meant.
    candidates = [(key, ""), *((mistake.value, mistake.why) for mistake in question.mistakes)]
    near = [
        (abs(value - target), place, why)
        for value in values
        for place, (target, why) in enumerate(candidates)
        if close(value, target, tolerance)
    ]
    if near:
        _, place, why = min(near)
        if place == 0:
            return result(1.0, "correct", 1.0, "Right.")
        message = f"Not quite: it looks as if {_clause(why)}."
        return result(_MISTAKE_SCORE, "partial", 0.9, message)
    slip = _slip(values[0], key, tolerance)
    if slip:
        return result(_NEAR_SCORE, "partial", 0.9, slip)
    return result(0.0, "incorrect", 1.0, "That is not the number.")


def _clause(why: str) -> str:
    """A reason as it continues a sentence."""
    why = why.strip().rstrip(".")
    return why[:1].lower() + why[1:] if why[1:2].islower() else why


def _slip(value: float, key: float, tolerance: float) -> str:
    """What a near miss has got wrong; empty if it is no near miss."""
    if key == 0 or value == 0:
        return ""
    if close(-value, key, tolerance):
        return "The size is right. Check the sign."
    for factor, message in (
        (100, "Right but for a factor of 100: check percent against fraction."),
        (1000, "Right but for a factor of 1000: check the unit's prefix."),
        (1e6, "Right but for a factor of a million: check the unit's prefix."),
        (1e9, "Right but for a factor of 10^9: check the unit's prefix."),
        (1.024, "Check 1000 against 1024 in the unit's prefix."),
        (1.024**2, "Check 1000 against 1024 in the unit's prefix."),
        (1.024**3, "Check 1000 against 1024 in the unit's prefix."),
    ):
        # A value within the tolerance of zero would pass for any factor.
        if abs(key) > 4 * tolerance and (
            math.isclose(value * factor, key, rel_tol=1e-3)
            or math.isclose(value / factor, key, rel_tol=1e-3)
        ):
            return message
    if abs(value - key) <= min(max(4 * tolerance, 0.01 * abs(key)), 0.05 * abs(key)):
        return "Very close. Check the rounding, and keep more digits on the way."
    return ""
