"""Learners' feedback as preference pairs: `python -m finetune.feedback --out FILE`.

Two replies to the same question, one liked and one not, make a pair: by thumbs in the chat, or by
a choice between drafts on the Inside tab. A contested grade of a written answer makes one too: the
verdict that was given, and the one that the learner holds for right. Only what learners who
consent said is taken; names and times are left out here, and so is every note.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.rows import Pair, Recorder, write_rows
from tutor.app import Tutor
from tutor.draft import EXPLAIN_SYSTEM, explain_prompt
from tutor.errors import NotFoundError, TutorError
from tutor.exercises.grade import grade
from tutor.exercises.judge import Judgement, PointVerdict, judge
from tutor.exercises.question import questions_by_id
from tutor.ingest.sentences import split_sentences
from tutor.learner.store import Store
from tutor.models.llm import Message
from tutor.retrieve import Passage
from tutor.sanitize import gives_orders, plain_text
from tutor.settings import load_settings

FLAW = "a learner's thumb down"
CONTESTED = "a contested verdict"


@dataclass(frozen=True)
class Opinion:
    """A reply to a question and whether a learner liked it."""

    question: str
    passages: tuple[str, ...]
    reply: str
    liked: bool


def main() -> int:
    """The command line above; 1 after an error in words."""
    parser = argparse.ArgumentParser(prog="finetune.feedback", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSONL file to write")
    options = parser.parse_args()
    try:
        tutor = Tutor(load_settings(), use_model=False)
        try:
            tutor.embeddings_or_none()
            tutor.library.prepare()
            known = {passage.key: passage for passage in _passages(tutor)}
            pairs = list(feedback_pairs(opinions(tutor.store), known))
            pairs += contested_pairs(tutor.store)
        finally:
            tutor.close()
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_rows(pairs, options.out)
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{len(pairs)} pairs in {options.out}.")
    return 0


def opinions(store: Store) -> Iterator[Opinion]:
    """Thumbs whose conversation was kept, of learners who consent still."""
    for learner in store.learners():
        if not store.consents(learner):
            continue
        for row in store.feedback(learner):
            about: Mapping[str, Any] = row["context"] or {}
            question, reply = (
                plain_text(about.get("prompt", "")),
                plain_text(about.get("reply", "")),
            )
            # What was written to steer a model must not come to train one.
            if not (row["value"] and question and reply) or gives_orders(f"{question} {reply}"):
                continue
            yield Opinion(question, tuple(about.get("passages", ())), reply, row["value"] > 0)


def feedback_pairs(found: Iterator[Opinion], known: Mapping[str, Passage]) -> Iterator[Pair]:
    """Each liked reply against each disliked one to the same question.

    Args:
        known: Passages by key; a question whose passages are gone makes no pair.
    """
    groups: dict[str, list[Opinion]] = {}
    for opinion in found:
        groups.setdefault(" ".join(opinion.question.lower().split()), []).append(opinion)
    for group in groups.values():
        passages = [known[key] for key in group[0].passages if key in known]
        if not passages:
            continue
        user = explain_prompt(group[0].question, passages)
        prompt = (Message("system", EXPLAIN_SYSTEM), Message("user", user))
        for liked in _replies(group, True):
            for disliked in _replies(group, False):
                if liked != disliked:
                    yield Pair("grounded", FLAW, "", "feedback", prompt, liked, disliked)


def contested_pairs(store: Store) -> Iterator[Pair]:
    """The verdict that a learner contests, below one that finds every point in the answer.

    The learner may be wrong: read these pairs before training on them. Each point is backed by the
    sentence of the answer that is nearest to it, and `judge` itself must take that verdict.
    """
    for learner in store.learners():
        if not store.consents(learner):
            continue
        for row in store.disputes(learner):
            answer = plain_text(row["answer"])
            try:
                question = questions_by_id(row["question_id"], store)
            except NotFoundError:
                continue  # an item that the bank no longer has
            if question.kind != "text" or not question.rubric or gives_orders(answer):
                continue
            found = set(grade(question, answer).matched)
            given = _judgement(answer, question.rubric, [p in found for p in question.rubric])
            wanted = _judgement(answer, question.rubric, [True] * len(question.rubric))
            recorder = Recorder(wanted)
            args = (question.prompt, str(question.key), question.rubric, answer)
            credits = judge(recorder, *args)
            if given != wanted and credits and min(credits) == 1.0:
                prompt = recorder.asked[0][0]
                yield Pair("judge", CONTESTED, question.topic, "feedback", prompt, wanted, given)


def _judgement(answer: str, rubric: Sequence[str], made: Sequence[bool]) -> str:
    """The reply of a judge that finds these points made."""
    from rapidfuzz import fuzz

    said = split_sentences(answer) or [answer]
    points = []
    for number, (point, holds) in enumerate(zip(rubric, made, strict=True), 1):
        nearest = max(said, key=lambda sentence: fuzz.token_set_ratio(sentence, point))
        quote = nearest[:400] if holds else ""
        verdict = PointVerdict(point=number, verdict="made" if holds else "missing", quote=quote)
        points.append(verdict)
    return Judgement(points=points).model_dump_json()


def _replies(group: Sequence[Opinion], liked: bool) -> list[str]:
    return list(dict.fromkeys(o.reply for o in group if o.liked is liked))


def _passages(tutor: Tutor) -> Iterator[Passage]:
    for chunk in tutor.library.retriever().chunks:
        yield Passage(
            f"{chunk.doc_id}#{chunk.id}", chunk.kind, chunk.doc_id, chunk.title, chunk.section,
            chunk.page, chunk.text, 1.0,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
