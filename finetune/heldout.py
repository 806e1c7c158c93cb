"""What a model is measured on: questions and rows of topics that no training row is made from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from finetune.data.facts import training_retriever
from finetune.data.feedback import feedback_rows
from finetune.data.grounded import Evidence, gather, refusal_rows
from finetune.data.hints import hint_rows
from finetune.data.questions import Asked, all_questions
from finetune.data.quiz import quiz_rows
from finetune.data.rows import Recorder, Row
from finetune.data.split import EVAL_DATA, HELD_OUT_TOPICS
from finetune.data.summaries import summary_rows
from finetune.data.wording import word_rows
from tutor.answer import answer_question
from tutor.draft import NO_ANSWER

if TYPE_CHECKING:
    from tutor.app import Tutor
    from tutor.models.embed import Embedder
    from tutor.models.llm import Message

MEASURED_SKILLS = ("refusal", "restate", "word", "quiz", "solve", "judge", "hint")


@dataclass(frozen=True)
class Case:
    """A held-out question with what the tutor found, and the prompt it would send.

    Attributes:
        facts: Short phrases of which a full answer holds each ("a|b": one of these); may be none.
    """

    evidence: Evidence
    prompt: tuple[Message, ...]
    facts: tuple[str, ...] = ()


def held_out_questions(count: int) -> list[tuple[Asked, tuple[str, ...]]]:
    """Eval's test questions on held-out topics with their facts, then bank items of those."""
    rows = [json.loads(line) for line in (EVAL_DATA / "questions.jsonl").open(encoding="utf-8")]
    asked = [
        (Asked(row["question"], row["topic"], f"eval:{row['id']}", "eval"), tuple(row["facts"]))
        for row in rows
        if row["split"] == "test" and row["topic"] in HELD_OUT_TOPICS
    ]
    more: list[tuple[Asked, tuple[str, ...]]] = [
        (q, ()) for q in all_questions() if q.topic in HELD_OUT_TOPICS and q.kind == "item"
    ]
    Random("held-out").shuffle(more)
    return [*asked, *more][:count]


def held_out_cases(tutor: Tutor, embedder: Embedder | None, count: int) -> list[Case]:
    """The questions that reach the model, with the prompts that it gets."""
    retriever = training_retriever(tutor.library, embedder, held_out=True)
    cases = []
    for asked, facts in held_out_questions(count):
        evidence = gather(asked, retriever, embedder)
        recorder = Recorder(NO_ANSWER)
        for _ in answer_question(
            asked.question, evidence.retrieval, llm=recorder, embedder=embedder
        ):
            pass
        if recorder.asked:  # else the tutor refuses before any model is asked
            cases.append(Case(evidence, recorder.asked[0][0], facts))
    return cases


def held_out_rows(tutor: Tutor, embedder: Embedder | None, count: int) -> list[Row]:
    """Up to `count` rows of each other skill, made as the training rows are, of held-out topics."""
    retriever = training_retriever(tutor.library, embedder, held_out=True)
    topics = sorted(HELD_OUT_TOPICS)
    asked = [q for q in all_questions() if q.topic in HELD_OUT_TOPICS]
    Random("held-out").shuffle(asked)

    def made() -> Iterator[Iterator[Row]]:
        yield islice(refusal_rows(asked, retriever, embedder), 3 * count)
        yield summary_rows(topics)
        yield word_rows(retriever, topics)
        yield quiz_rows(retriever, topics)
        yield feedback_rows(topics)
        yield hint_rows(topics)

    by_skill: dict[str, list[Row]] = {skill: [] for skill in MEASURED_SKILLS}
    for row in (row for rows in made() for row in rows):
        if row.skill in by_skill and row.topic in HELD_OUT_TOPICS:
            by_skill[row.skill].append(row)
    for rows in by_skill.values():
        Random("held-out rows").shuffle(rows)
    return [row for rows in by_skill.values() for row in rows[:count]]
