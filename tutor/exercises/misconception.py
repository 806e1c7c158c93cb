"""Questions from what people get wrong: a lesson names misconceptions with their corrections.

Both kinds need no model. A choice sets one correction against the lesson's misconceptions, each of
which is a mistake that learners really make; an open question asks what is wrong with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tutor.exercises.cloze import vocabulary
from tutor.exercises.rubric import reference_points, stems
from tutor.exercises.screening import sentences
from tutor.exercises.verify import Draft

if TYPE_CHECKING:
    from tutor.retrieve import Passage

OPTIONS = 4
_PAIR = re.compile(
    r"\*\*Misconception\.\*\*\s*(?P<wrong>.+?)\s*\*\*Correction\.\*\*\s*(?P<right>.+?)"
    r"(?=\n+(?:- |> )|\Z)",
    re.DOTALL,
)
# Words that point back to the misconception: a correction that begins so does not stand alone.
_LEANS = re.compile(
    r"^(?:it|they|this|that|these|those|then|here|there|such|nothing|otherwise|the two|the other|"
    r"both|neither|each|one|two|without|with|only|also|its|their)\b"
    r"|^the \d|\b(?:this|these|those|it|its|their|them|they)\b|\b(?:that|the same|the other) \w+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Misconception:
    """A mistake and what is right, from one passage."""

    passage: Passage
    wrong: str
    right: str


@dataclass(frozen=True)
class OpenDraft:
    """An open question that has not been checked.

    Attributes:
        claim: The mistake that it asks about.
        quote: The words of the passage that are the reference answer.
    """

    claim: str
    prompt: str
    key: str
    rubric: tuple[str, ...]
    quote: str


def misconceptions(passages: Sequence[Passage]) -> list[Misconception]:
    """All mistakes that the passages name, with their corrections."""
    return [
        Misconception(passage, " ".join(match["wrong"].split()), " ".join(match["right"].split()))
        for passage in passages
        if passage.kind == "lesson"
        for match in _PAIR.finditer(passage.text)
    ]


def choice_drafts(
    passages: Sequence[Passage], topic: str, seed: int = 0
) -> Iterator[tuple[Passage, Draft]]:
    """Drafts whose key is a correction and whose distractors are misconceptions of one lesson."""
    by_lesson: dict[str, list[Misconception]] = {}
    for found in misconceptions(passages):
        by_lesson.setdefault(found.passage.doc_id, []).append(found)
    rng = Random(f"misconception:{topic}:{seed}")
    for known in by_lesson.values():
        title = known[0].passage.title
        for right in rng.sample(known, len(known)):
            key = _alone(right, topic)
            wrong = [right, *(other for other in known if other is not right)][: OPTIONS - 1]
            if key is None or len(wrong) < OPTIONS - 1:
                continue
            yield (
                right.passage,
                Draft(
                    f"Which of these statements on “{title}” is right?",
                    key,
                    tuple(_sentence(entry.wrong) for entry in wrong),
                    right.right,
                    right.right,
                    tuple(entry.right for entry in wrong),
                ),
            )


def open_drafts(passages: Sequence[Passage], seed: int = 0) -> Iterator[tuple[Passage, OpenDraft]]:
    """Drafts that ask what is wrong with a misconception."""
    found = misconceptions(passages)
    for entry in Random(f"open:{seed}").sample(found, len(found)):
        claim = _sentence(entry.wrong)
        prompt = (
            f"On “{entry.passage.title}” another learner says: “{claim}” "
            "What is wrong with that, and what is right?"
        )
        points = tuple(reference_points(entry.right.replace("; ", ". ")))
        yield entry.passage, OpenDraft(claim, prompt, entry.right, points, entry.right)


def open_flaws(draft: OpenDraft) -> list[str]:
    """What is wrong with an open draft; empty if nothing is."""
    found = []
    wanted, asked = set(stems(draft.key)), set(stems(draft.prompt))
    if len(draft.key.split()) < 8:
        found.append("too little to say")
    if len(draft.key) > 400:
        found.append("too much to say")
    if len(wanted - asked) < 0.5 * len(wanted):
        found.append("the question gives the key away")
    if re.search(r"arXiv:|\btables?\b|\bexample with\b|\b(?:figure|section) \d", draft.key, re.I):
        found.append("refers to a text that the learner does not see")
    return found


def _alone(found: Misconception, topic: str) -> str | None:
    """The first statement of a correction, if it can be understood without the misconception."""
    first = sentences(found.right)[0].rstrip(";. ")
    if len(first.split()) < 6 or _LEANS.search(first):
        return None
    subject = {*stems(found.passage.title), *stems(" ".join(vocabulary()["topics"].get(topic, [])))}
    said = stems(first)
    # "The step" and "the message" are those of the misconception, "the key" is that of attention.
    if first.startswith("The ") and said[0] not in subject:
        return None
    # It names the topic's own things, or at least two that the misconception is about.
    if not set(said) & subject and len(set(said) & set(stems(found.wrong))) < 2:
        return None
    return f"{first}."


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
