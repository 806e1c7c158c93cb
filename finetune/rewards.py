"""The programmatic reward: the checks that serve the learner, as a number from 0 to 1.

One reward for each skill, made of the tutor's own parts: `SupportChecker` and markers for answers
from facts, the serving schemas for JSON, `judge`'s and the solver's right reply, `gives_away` for
hints. It needs the prompt and the reply, and for skills with one right reply that one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from tutor.draft import MARKER, NO_ANSWER, repeats_itself, shown_facts, whole_sentences
from tutor.exercises.generate import GeneratedItem
from tutor.exercises.judge import Judgement
from tutor.exercises.leaks import gives_away
from tutor.exercises.phrasing import Phrased, asked_in, wording_flaws
from tutor.exercises.question import questions_by_id
from tutor.exercises.verify import Choice, Draft, flaws
from tutor.retrieve import Passage
from tutor.summarize import Restatements, is_supported
from tutor.support import SupportChecker

WEIGHTS = {"support": 0.5, "citations": 0.3, "length": 0.1, "format": 0.1}
WORDS = (20, 110)  # of a fair answer
_SENTENCE = re.compile(r"^\[(\d+)\] (.+)$", re.MULTILINE)
_PASSAGE = re.compile(r"<passage>\n(.*?)\n</passage>", re.DOTALL)
_FACT_AND_TERM = re.compile(r"<fact>(?P<fact>.+)</fact>\nTerm: (?P<term>.+)\n")
SCHEMAS: dict[str, type[BaseModel]] = {
    "quiz": GeneratedItem,
    "judge": Judgement,
    "solve": Choice,
    "restate": Restatements,
    "tldr": Restatements,
}


def reward(skill: str, prompt: str, reply: str, target: str, source: str) -> float:
    """What a reply is worth, 0 to 1.

    Args:
        skill: Of the row.
        prompt: The last user message.
        target: The row's right reply.
        source: The row's source; for hints the question's id.
    """
    if skill == "grounded":
        return grounded_reward(prompt, reply)
    if skill == "refusal":
        return float(NO_ANSWER in reply.lower() and len(reply.split()) < 12)
    if skill == "word":
        return float(not wording_flaws(asked_in(_said(reply)), _fact_and_term(prompt)))
    if skill in SCHEMAS:
        return json_reward(skill, prompt, reply, target)
    if skill == "hint":
        leak = gives_away(reply, questions_by_id(source))
        return 0.0 if leak or not reply.strip() else _length(reply, 5, 60)
    return _overlap(reply, target)


def _said(reply: str) -> str:
    """The question of a JSON reply, or the reply as it is: a grammar makes it JSON in serving."""
    try:
        return Phrased.model_validate_json(reply).question
    except ValidationError:
        return reply


def _fact_and_term(prompt: str) -> Draft:
    found = _FACT_AND_TERM.search(prompt)
    return Draft("", found["term"], (), found["fact"]) if found else Draft("", "", (), "")


def grounded_reward(prompt: str, reply: str) -> float:
    """Support, valid citations, fair length and form of an answer from numbered facts."""
    facts: dict[int, list[str]] = {}
    for number, text in shown_facts(prompt):
        facts.setdefault(number, []).append(text)
    if not facts or not reply.strip():
        return 0.0
    numbers = sorted(facts)
    checker = SupportChecker([_passage(n, " ".join(facts[n])) for n in numbers])
    sentences = whole_sentences(reply)
    supported = right = marked = 0
    seen: set[str] = set()
    for sentence in sentences:
        text = MARKER.sub("", sentence).strip()
        said = {int(n) for group in MARKER.findall(sentence) for n in re.findall(r"\d+", group)}
        support = checker.check(text)
        # A sentence that comes again earns nothing: else repeating one would pay.
        holds = support is not None and support.supported and text.lower() not in seen
        seen.add(text.lower())
        supported += holds
        marked += len(said)
        right += support is not None and holds and numbers[support.passage] in said
    parts = {
        "support": supported / len(sentences),
        # Of the markers how many are right, and of the sentences how many have one.
        "citations": (right / marked if marked else 0.0) * right / len(sentences),
        "length": _length(reply, *WORDS),
        "format": float(not repeats_itself(reply) and bool(re.search(r"[.!?\]]\s*$", reply))),
    }
    return sum(WEIGHTS[name] * value for name, value in parts.items())


def json_reward(skill: str, prompt: str, reply: str, target: str) -> float:
    """A quarter for valid JSON; the rest for being right."""
    schema = SCHEMAS[skill]
    try:
        given = schema.model_validate_json(reply)
    except ValidationError:
        return 0.0
    wanted = schema.model_validate_json(target)
    return 0.25 + 0.75 * _rightness(given, wanted, prompt)


def _rightness(given: BaseModel, wanted: BaseModel, prompt: str) -> float:
    if isinstance(given, GeneratedItem):
        passage = _PASSAGE.search(prompt)
        wrong = tuple(given.wrong_answers)
        draft = Draft(given.question, given.answer, wrong, given.quote, given.explanation)
        return 1.0 / (1 + len(flaws(draft, passage[1] if passage else "")))
    if isinstance(given, Judgement) and isinstance(wanted, Judgement):
        verdicts = {entry.point: entry.verdict for entry in given.points}
        return sum(verdicts.get(e.point) == e.verdict for e in wanted.points) / len(wanted.points)
    if isinstance(given, Restatements):
        shown = {int(n): text for n, text in _SENTENCE.findall(prompt)}
        texts = {point.sentence: point.text for point in given.points}
        held = [n in texts and is_supported(texts[n], text) for n, text in shown.items()]
        return sum(held) / len(held) if held else 0.0
    return float(given == wanted)


def _passage(number: int, text: str) -> Passage:
    return Passage(str(number), "lesson", str(number), "", "", None, text, 1.0)


def _length(reply: str, fewest: int, most: int) -> float:
    """1 within the bounds, falling to 0 at none and at twice as many words."""
    count = len(reply.split())
    if count < fewest:
        return count / fewest
    return 1.0 if count <= most else max(0.0, 2 - count / most)


def _overlap(reply: str, target: str) -> float:
    said, wanted = set(reply.lower().split()), set(target.lower().split())
    return len(said & wanted) / (len(said | wanted) or 1)


def reward_batch(
    prompts: Sequence[list[dict[str, str]]],
    completions: Sequence[list[dict[str, str]]],
    skill: Sequence[str],
    target: Sequence[str],
    source: Sequence[str],
    **_: object,
) -> list[float]:
    """The reward in the form that TRL's GRPOTrainer calls."""
    return [
        reward(s, prompt[-1]["content"], reply[0]["content"], t, where)
        for prompt, reply, s, t, where in zip(
            prompts, completions, skill, target, source, strict=True
        )
    ]
