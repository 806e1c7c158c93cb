"""Preference pairs: a right reply against the failures that people complain of, made from rows.

Each flaw is put into a right reply by code, so that it is known to be wrong, and checked to be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from finetune.data.rows import Pair, Row
from tutor.draft import MARKER, NO_ANSWER, numbered, repeats_itself, shown_facts
from tutor.exercises.bank import bank_question
from tutor.exercises.leaks import gives_away
from tutor.exercises.parametric import parametric_question
from tutor.exercises.question import Question
from tutor.support import numbers

PAIRS_A_ROW = 2
_OPPOSITE = {"made": "missing", "partly": "missing", "missing": "made"}
_FIRST_VERB = re.compile(r"\b(is|are|can|does|was|were|has|have)\b(?! (?:not|no)\b)")

Spoil = Callable[[Row, Sequence[Row], Random], str]


def preference_pairs(rows: Sequence[Row], seed: int = 0) -> Iterator[Pair]:
    """Up to two pairs a row, of different flaws."""
    rng = Random(f"preferences:{seed}")
    by_skill: dict[str, list[Row]] = {}
    for row in rows:
        by_skill.setdefault(row.skill, []).append(row)
    for row in rows:
        flaws = list(FLAWS.get(row.skill, {}).items())
        rng.shuffle(flaws)
        made = 0
        for flaw, spoil in flaws:
            rejected = spoil(row, by_skill[row.skill], rng)
            if made < PAIRS_A_ROW and rejected and rejected != row.target:
                made += 1
                yield Pair(row.skill, flaw, row.topic, row.source, row.prompt, row.target, rejected)


def _invented_citation(row: Row, _: Sequence[Row], rng: Random) -> str:
    """A marker of a fact that is not there."""
    shown = {number for number, _ in shown_facts(row.prompt[-1].content)}
    wrong = rng.choice([n for n in range(1, 13) if n not in shown])
    return MARKER.sub(f" [{wrong}]", row.target, count=1)


def _wrong_number(row: Row, _: Sequence[Row], rng: Random) -> str:
    """A figure that no fact holds."""
    known = numbers(row.prompt[-1].content)
    said = [n for n in re.findall(r"(?<![\w.\[^_])\d+(?:\.\d+)?(?![\w\]])", row.target) if n]
    for number in said:
        changed = str(int(float(number) * rng.choice((2, 3, 10)) + 1))
        if not numbers(changed) & known:
            return re.sub(
                rf"(?<![\w.\[]){re.escape(number)}(?![\w\]])", changed, row.target, count=1
            )
    return ""


def _denied(row: Row, _: Sequence[Row], rng: Random) -> str:
    """A sentence turned into its opposite."""
    return _FIRST_VERB.sub(r"\1 not", row.target, count=1)


def _off_the_facts(row: Row, others: Sequence[Row], rng: Random) -> str:
    """The answer to another question."""
    other = rng.choice(others)
    return "" if other.topic == row.topic else other.target


def _unsupported_claim(row: Row, others: Sequence[Row], rng: Random) -> str:
    """A sentence about something else with a marker of ours."""
    other = rng.choice(others)
    first = re.split(r"(?<=[.!?]) ", other.target)[0]
    if other.topic == row.topic or NO_ANSWER in first.lower():
        return ""
    return f"{row.target} {MARKER.sub(' [1]', first)}"


def _rambling(row: Row, _: Sequence[Row], rng: Random) -> str:
    """The first sentence over and over, as small models do."""
    first = re.split(r"(?<=[.!?]) ", row.target)[0]
    rambled = " ".join([first, *(MARKER.sub("", first) for _ in range(3))])
    return rambled if repeats_itself(rambled.replace(".", "")) else ""


def _refused(row: Row, _: Sequence[Row], rng: Random) -> str:
    """A refusal although the facts answer."""
    return "The sources do not say."


def _answered_anyway(row: Row, _: Sequence[Row], rng: Random) -> str:
    """The facts told although they do not answer."""
    return " ".join(numbered(text, n) for n, text in shown_facts(row.prompt[-1].content)[:2])


def _invalid_json(row: Row, _: Sequence[Row], rng: Random) -> str:
    """A reply that is cut off, or wrapped in talk."""
    half = row.target[: int(len(row.target) * rng.uniform(0.4, 0.9))]
    return half if rng.random() < 0.5 else f"Sure! Here is the answer: {half}"


def _wrong_verdict(row: Row, _: Sequence[Row], rng: Random) -> str:
    """One rubric point judged the other way round."""
    data: dict[str, Any] = json.loads(row.target)
    point = rng.choice(data["points"])
    point["verdict"] = _OPPOSITE[point["verdict"]]
    point["quote"] = "" if point["verdict"] == "missing" else "as the answer says"
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _wrong_option(row: Row, _: Sequence[Row], rng: Random) -> str:
    """Another option of the four."""
    right = json.loads(row.target)["option"]
    return json.dumps({"option": rng.choice([n for n in range(1, 5) if n != right])})


def _invented_quote(row: Row, others: Sequence[Row], rng: Random) -> str:
    """A quote that the passage does not hold."""
    data: dict[str, Any] = json.loads(row.target)
    data["quote"] = json.loads(rng.choice(others).target)["quote"]
    return "" if data["quote"] in row.prompt[-1].content else json.dumps(data, ensure_ascii=False)


def _added_claim(row: Row, others: Sequence[Row], rng: Random) -> str:
    """A restatement of another sentence."""
    data: dict[str, Any] = json.loads(row.target)
    other = json.loads(rng.choice(others).target)["points"][0]["text"]
    data["points"][0]["text"] = other
    return "" if other in row.target else json.dumps(data, ensure_ascii=False)


def _leaked_key(row: Row, _: Sequence[Row], rng: Random) -> str:
    """The answer itself."""
    question = _question(row.source)
    if question.kind == "choice" and question.options and isinstance(question.key, int):
        leak = f"The right one is: {question.options[question.key]}"
    elif question.kind == "numeric":
        leak = f"It comes to {float(question.key or 0):.10g}."
    else:
        leak = f"Say this: {question.rubric[0] if question.rubric else question.key}."
    return leak if gives_away(leak, question) else ""


def _question(source: str) -> Question:
    kind, name, seed = (*source.split(":"), "0")[:3]
    make = bank_question if kind == "bank" else parametric_question
    return make(name, int(seed))


FLAWS: dict[str, dict[str, Spoil]] = {
    "grounded": {
        "invented citation": _invented_citation,
        "wrong number": _wrong_number,
        "denied": _denied,
        "off the facts": _off_the_facts,
        "unsupported claim": _unsupported_claim,
        "rambling": _rambling,
        "refused": _refused,
    },
    "refusal": {"answered anyway": _answered_anyway},
    "judge": {"wrong verdict": _wrong_verdict, "invalid JSON": _invalid_json},
    "quiz": {"invented quote": _invented_quote, "invalid JSON": _invalid_json},
    "solve": {"wrong option": _wrong_option},
    "restate": {"claim of another sentence": _added_claim, "invalid JSON": _invalid_json},
    "hint": {"key leaked": _leaked_key},
}
