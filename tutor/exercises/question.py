"""What a learner is asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Protocol, get_args

from tutor.errors import InputError, NotFoundError

Kind = Literal["choice", "numeric", "text", "code"]
Source = Literal["bank", "parametric", "generated"]
Verdict = Literal["correct", "partial", "incorrect", "unsure"]
KINDS: tuple[str, ...] = get_args(Kind)
SOURCES: tuple[str, ...] = get_args(Source)


@dataclass(frozen=True)
class Mistake:
    """A wrong value, and the mistake that leads to it."""

    value: float
    why: str


@dataclass(frozen=True)
class Question:
    """One question with its key.

    Attributes:
        id: Reproduces the question: `bank:<item>:<seed>`, `param:<family>:<seed>`, `gen:<hash>`,
            `lab:<lab>`.
        prompt: Markdown; may hold $LaTeX$.
        options: Choices in the order shown (kind choice alone).
        citation: Where to read about it, with the fields of a Citation.
        key: Index into `options`, a number, a reference answer, or None (code).
        tolerance: Largest absolute deviation from a numeric key that still counts as right.
        option_whys: For each option what is wrong about it; empty for the key.
        mistakes: Wrong numbers that betray how they came about.
        objective: Index into the topic's objectives.
    """

    id: str
    kind: Kind
    stage: int
    topic: str
    difficulty: int
    prompt: str
    source: Source
    options: tuple[str, ...] | None = None
    unit: str | None = None
    citation: dict[str, Any] | None = None
    key: int | float | str | None = None
    explanation: str = ""
    rubric: tuple[str, ...] = ()
    tolerance: float = 0.0
    option_whys: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    objective: int | None = None

    @property
    def key_text(self) -> str:
        """The key as a learner would read it."""
        if self.options is not None and isinstance(self.key, int):
            return self.options[self.key]
        return "" if self.key is None else str(self.key)

    def to_dict(self, with_key: bool = False) -> dict[str, Any]:
        """The fields that the command line shows; the key only on demand."""
        shown: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "stage": self.stage,
            "topic": self.topic,
            "difficulty": self.difficulty,
            "prompt": self.prompt,
            "options": None if self.options is None else list(self.options),
            "unit": self.unit,
            "source": self.source,
            "citation": self.citation,
        }
        if with_key:
            shown |= {
                "key": self.key,
                "explanation": self.explanation,
                "rubric": list(self.rubric),
                "tolerance": self.tolerance,
                "option_whys": list(self.option_whys),
            }
        return shown

    def to_record(self) -> dict[str, Any]:
        """All fields as JSON can hold them; `from_record` reads them back."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Question:
        """Read what `to_record` wrote.

        Raises:
            InputError: The record is not a question.
        """
        try:
            known = {field.name: record[field.name] for field in fields(cls)}
            options = known["options"]
            known["options"] = None if options is None else tuple(str(text) for text in options)
            known["rubric"] = tuple(str(point) for point in known["rubric"])
            known["option_whys"] = tuple(str(why) for why in known["option_whys"])
            known["mistakes"] = tuple(
                Mistake(float(entry["value"]), str(entry["why"])) for entry in known["mistakes"]
            )
            question = cls(**known)
            if question.kind not in KINDS or question.source not in SOURCES:
                raise ValueError("unknown kind or source")
            if question.options is not None and not (
                isinstance(question.key, int) and 0 <= question.key < len(question.options)
            ):
                raise ValueError("the key is no option")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"A stored question can't be read: {error}.", "Start a new quiz."
            ) from error
        return question


@dataclass(frozen=True)
class Grade:
    """What an answer is worth, and why.

    Attributes:
        id: The question's id, or the id of the graded line.
        score: 0 to 1.
        confidence: 0 to 1; how sure the grader is of the verdict.
        matched: Rubric points that the answer makes.
        missing: Rubric points that it does not make. They belong to the key: show them only once
            the answer may be revealed.
        graded_by: The parts of the grader that had a say.
    """

    id: str
    score: float
    verdict: Verdict
    confidence: float
    feedback: str
    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    graded_by: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's Grade."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grade:
        """Read what `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: The data is no grade.
        """
        lists = {name: tuple(data[name]) for name in ("matched", "missing", "graded_by")}
        grade = cls(**{**data, **lists})
        if grade.verdict not in get_args(Verdict) or not 0 <= grade.score <= 1:
            raise ValueError("unknown verdict or score")
        return grade

    def named(self, grade_id: str) -> Grade:
        """The same grade under another id."""
        return replace(self, id=grade_id)


class QuestionStore(Protocol):
    """Where generated questions are kept."""

    def generated_question(self, question_id: str) -> Question | None:
        """The generated question of that id, if there is one."""
        ...


def questions_by_id(question_id: str, store: QuestionStore | None = None) -> Question:
    """Rebuild a question from its id.

    Args:
        question_id: `bank:<item>:<seed>`, `param:<family>:<seed>`, `gen:<hash>` or `lab:<lab>`; the
            seed may be left out and is 0 then.
        store: Where generated questions are kept.

    Raises:
        NotFoundError: There is no such question; the cure names the nearest id.
    """
    # The sources import this module, so they are imported late.
    from tutor.exercises import bank, code, parametric

    source, _, rest = question_id.strip().partition(":")
    name, _, seed_text = rest.partition(":")
    if source == "gen":
        found = store.generated_question(question_id.strip()) if store else None
        if found is None:
            raise NotFoundError(
                f"There is no generated question '{question_id[:80]}'.",
                "Generated questions live in the database of the learner who got them.",
            )
        return found
    if source == "lab":
        return code.lab_question(rest)
    known = {"bank": bank.item_ids, "param": parametric.family_ids}
    if source not in known:
        raise NotFoundError(
            f"'{question_id[:80]}' is not the id of a question.",
            "Ids look like bank:<item>:<seed>, param:<family>:<seed>, gen:<hash> or lab:<lab>.",
        )
    # Seeds are kept short: they travel in ids that people copy.
    if seed_text and not (seed_text.isascii() and seed_text.isdigit() and len(seed_text) <= 18):
        raise NotFoundError(
            f"The seed of '{question_id[:80]}' is not a number.", f"Try '{source}:{name}:0'."
        )
    ids = known[source]()
    if name not in ids:
        raise NotFoundError(
            f"There is no question '{question_id[:80]}'.", suggest(name, ids, f"{source}:%s:0")
        )
    seed = int(seed_text or 0)
    if source == "bank":
        return bank.bank_question(name, seed)
    return parametric.parametric_question(name, seed)


def suggest(name: str, known: list[str], form: str = "%s") -> str:
    """A cure that names the nearest known name, written in `form`."""
    from rapidfuzz import process

    best = process.extractOne(name, known)
    return f"Did you mean '{form % best[0]}'?" if best else "The list is empty."
