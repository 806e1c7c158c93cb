"""The one grader: chat, quiz, evaluation and the training reward all call `grade`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tutor.errors import InputError, ServerError
from tutor.exercises.alignment import describe
from tutor.exercises.anchors import anchored
from tutor.exercises.closed import grade_choice, grade_number, letter, option_of
from tutor.exercises.numeric import parse_quantity
from tutor.exercises.order import shuffled
from tutor.exercises.question import Grade, Kind, Question, Verdict
from tutor.exercises.rubric import Comparison, compare
from tutor.exercises.scoring import score_of
from tutor.exercises.screening import MAX_WORDS, Screened, screen

if TYPE_CHECKING:
    from tutor.models.embed import Embedder
    from tutor.models.llm import LLM

log = logging.getLogger(__name__)

CORRECT, PARTIAL = 0.75, 0.25  # scores at which a text answer's verdict changes
UNSURE = 0.4  # confidence below which the verdict is "unsure"; `eval.run grading` shows the trade
_LISTING_CAP = 0.5  # keywords without sentences show words, not understanding
_SHUFFLED_CAP = 0.2  # words in no order say nothing


def grade(
    question: Question,
    answer: str | int | float,
    *,
    reveal: bool = False,
    embedder: Embedder | None = None,
    llm: LLM | None = None,
) -> Grade:
    """Grade one answer.

    Args:
        question: With its key.
        answer: Choice: option text, letter, or index from 0. Numeric: a number as people write it.
            Text: prose. Code: the module's source.
        reveal: Whether the feedback may give the key away and explain it.
        embedder: Adds similarity of meaning to the word-based comparison of text answers.
        llm: Adds a model's view of each rubric point of text answers.

    Raises:
        InputError: The question is of kind code, but no lab: there are no tests for it.
        SandboxError: Code can't be isolated here, so it was not run.
    """
    text = str(answer)
    if question.kind == "code":
        return _grade_code(question, text)
    if question.kind == "choice":
        result = grade_choice(question, answer)
    elif question.kind == "numeric":
        result = grade_number(question, text)
    else:
        result = _grade_text(question, text, embedder, llm)
    return _with_feedback(question, result, reveal)


class _Payload(BaseModel):
    """One line of `tutor grade --jsonl`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    id: str = Field(min_length=1, max_length=200)
    kind: Kind
    question: str = Field(min_length=1, max_length=20_000)
    reference: str | float | int
    rubric: list[str] = Field(default_factory=list, max_length=12)
    answer: str | float | int
    options: list[str] | None = Field(None, min_length=2, max_length=26)
    tolerance: float | None = Field(None, ge=0, allow_inf_nan=False)
    unit: str | None = None


def grade_payload(
    payload: Mapping[str, Any],
    *,
    embedder: Embedder | None = None,
    llm: LLM | None = None,
) -> Grade:
    """Grade a line that brings its own question and reference.

    Args:
        payload: id, kind, question, reference, rubric, answer; for choice also options, and
            optionally tolerance and unit for numbers (default: half a per cent).

    Raises:
        InputError: A field is missing or malformed, or the kind is code.
    """
    try:
        given = _Payload.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "line"
        raise InputError(
            f"The field '{place}' is not usable: {first['msg']}.",
            'A line looks like {"id","kind","question","reference","rubric":[…],"answer"}.',
        ) from error
    if given.kind == "choice":
        # Without its options a choice is right where it equals the reference.
        options = tuple(given.options or [str(given.reference)])
        key = option_of(options, given.reference)
        if key is None:
            raise InputError(
                f"The reference of '{given.id}' is none of its options.",
                "Give the option's text, its letter, or its index from 0.",
            )
        known: dict[str, Any] = {"options": options, "key": key}
    elif given.kind == "numeric":
        number = parse_quantity(str(given.reference))
        if number is None:
            raise InputError(
                f"The reference of '{given.id}' is not a number.", "Write it like 0.25 or 1024."
            )
        unit = given.unit or number.unit or None
        tolerance = 0.005 * abs(number.value) if given.tolerance is None else given.tolerance
        known = {"key": number.value, "unit": unit, "tolerance": tolerance}
    else:
        rubric = tuple(point for point in given.rubric if point.strip())
        known = {"key": str(given.reference), "rubric": rubric}
        if given.kind == "text" and not str(given.reference).strip():
            raise InputError(f"The reference of '{given.id}' is empty.", "Give a reference answer.")
    question = Question(given.id, given.kind, 0, "", 1, given.question, "bank", **known)
    if given.kind == "choice" and given.options is None:
        same = option_of(question.options or (), given.answer) == 0
        verdict: Verdict = "correct" if same else "incorrect"
        return _with_feedback(
            question, Grade(given.id, float(same), verdict, 0.9, "", graded_by=("choice",)), True
        )
    return grade(question, given.answer, reveal=True, embedder=embedder, llm=llm)


def _grade_code(question: Question, source: str) -> Grade:
    from tutor.exercises.code import grade_code, lab_of

    kind, _, name = question.id.partition(":")
    if kind != "lab":
        raise InputError(
            f"'{question.id}' is a code exercise without tests.",
            "The sandbox grades labs: their ids look like lab:<lab>.",
        )
    return grade_code(lab_of(name), source).grade


def _grade_text(
    question: Question, answer: str, embedder: Embedder | None, llm: LLM | None
) -> Grade:
    screened = screen(answer, question.prompt)
    if screened.empty:
        return Grade(question.id, 0.0, "incorrect", 0.95, screened.empty, (), (), ("screening",))
    if screened.foreign:
        message = "I can grade English alone. Please answer in English."
        return Grade(question.id, 0.0, "unsure", 0.1, message, (), (), ("screening",))
    reference = str(question.key or "")
    rubric = list(question.rubric)
    comparison = compare(screened.text, question.prompt, reference, rubric, embedder)
    credits = [point.credit for point in comparison.points]
    found = describe(screened.text, question.prompt, reference, rubric, embedder)
    score, confidence = score_of(found)
    score = anchored(question.id, screened.text, min(score, comparison.ceiling))
    parts = ["screening", "words", *(["meaning"] if embedder else [])]
    if llm is not None:
        judged = _judged(question, screened, comparison, llm)
        if judged:
            parts.append("model")
            opinion = sum(judged) / len(judged)
            agreement = 1 - abs(opinion - score)
            score = (score + opinion) / 2
            credits = [(a + b) / 2 for a, b in zip(credits, judged, strict=True)]
            confidence = 0.9 * agreement
    notes = []
    if screened.appeal:
        notes.append("What was addressed to the grader or was markup has been left out.")
        confidence = min(confidence, 0.6)
    in_no_order = shuffled(screened.text, reference)
    if screened.listing or in_no_order:
        notes.append("Write sentences that say how these things are connected.")
        score, confidence = min(score, _LISTING_CAP), min(confidence, 0.4)
    if in_no_order:
        score = min(score, _SHUFFLED_CAP)
    if screened.cut:
        notes.append(f"Only the first {MAX_WORDS} words were read.")
        confidence = min(confidence, 0.4)
    matched = tuple(
        p.text for p, credit in zip(comparison.points, credits, strict=True) if credit >= 0.6
    )
    missing = tuple(point.text for point in comparison.points if point.text not in matched)
    return Grade(
        question.id,
        round(score, 3),
        _verdict(score, confidence),
        round(confidence, 2),
        " ".join(notes),
        matched,
        missing,
        tuple(parts),
    )


def _judged(
    question: Question, screened: Screened, comparison: Comparison, llm: LLM
) -> list[float] | None:
    from tutor.exercises.judge import judge

    points = [point.text for point in comparison.points]
    try:
        return judge(llm, question.prompt, str(question.key or ""), points, screened.text)
    except ServerError as error:
        # Grading goes on without the model; graded_by says so.
        log.warning("the model could not judge an answer: %s", error)
        return None


def _verdict(score: float, confidence: float) -> Verdict:
    if confidence < UNSURE:
        return "unsure"
    if score >= CORRECT:
        return "correct"
    return "partial" if score >= PARTIAL else "incorrect"


def _with_feedback(question: Question, result: Grade, reveal: bool) -> Grade:
    """Complete the feedback: what is there, what to look at, and the solution where allowed."""
    parts = [result.feedback]
    if question.kind == "text" and "words" in result.graded_by:
        total = len(result.matched) + len(result.missing)
        parts.insert(0, _text_summary(result, total))
        if reveal and result.missing and question.rubric:
            parts.append("Missing: " + "; ".join(result.missing) + ".")
    if result.verdict != "correct" and not reveal:
        parts.append(_pointer(question))
    if reveal and result.verdict != "correct":
        parts.append(_solution(question))
    if (reveal or result.verdict == "correct") and question.explanation:
        parts.append(question.explanation)
    feedback = " ".join(part for part in parts if part)
    return Grade(**{**result.__dict__, "feedback": feedback})


def _text_summary(result: Grade, total: int) -> str:
    made = len(result.matched)
    if result.verdict == "correct":
        return f"Good: I find {made} of {total} points in your answer."
    if result.verdict == "unsure":
        return (
            f"I am not sure about this answer: I find {made} of {total} points, but your wording "
            "may differ from mine. Compare it with the lesson, or contest the grade."
        )
    if made == 0:
        return f"I find none of the {total} points that a full answer makes."
    return f"I find {made} of {total} points in your answer; {total - made} still to come."


def _pointer(question: Question) -> str:
    citation = question.citation
    if not citation or not citation.get("title"):
        return "Try once more, or ask for a hint."
    section = f", “{citation['section']}”" if citation.get("section") else ""
    return f"Look again at {citation['title']}{section}, and try once more or ask for a hint."


def _solution(question: Question) -> str:
    if question.kind == "choice" and question.options and isinstance(question.key, int):
        option = question.options[question.key].rstrip(".")
        return f"The answer is {letter(question.key)}: {option}."
    if question.kind == "numeric":
        unit = "" if question.unit is None else f" {question.unit}"
        return f"The answer is {float(question.key or 0):.10g}{unit}."
    return f"A full answer: {question.key}" if question.key else ""
