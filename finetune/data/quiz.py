"""Choice questions as JSON from a passage, and their blind solution, from the item bank.

The passage is one that really holds the key: a row exists only where `generate_questions`, with
the target as the model's reply, lets the question through all its checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from corpus.exercises import ChoiceItem, load_items
from finetune.data.rows import Recorder, Row
from tutor.exercises.cloze import cloze_drafts
from tutor.exercises.generate import GENERATE_SYSTEM, GeneratedItem, generate_questions
from tutor.exercises.rubric import stems
from tutor.exercises.verify import SOLVE_SYSTEM, Choice, Draft, unsolved
from tutor.ingest.sentences import split_sentences
from tutor.retrieve import Passage, Retriever

MAX_QUOTE = 300


def quiz_rows(retriever: Retriever, topics: Iterable[str], seed: int = 0) -> Iterator[Row]:
    """Rows of the skills "quiz" (write a question) and "solve" (answer one)."""
    for topic in topics:
        passages = [passage for _, passage in retriever.passages_of(topic=topic)]
        for item in load_items().values():
            if isinstance(item, ChoiceItem) and item.topic == topic:
                found = _best_quote(item, passages)
                if found:
                    passage, quote = found
                    wrong = tuple(option.text for option in item.options if not option.correct)
                    draft = Draft(item.prompt, item.key.text, wrong, quote, item.explanation)
                    yield from _rows_of(draft, passage, topic, f"bank:{item.id}", seed)
        for passage, draft in cloze_drafts(passages, topic, seed):
            if len(draft.quote) > MAX_QUOTE:
                continue
            yield from _rows_of(draft, passage, topic, passage.doc_id, seed)


def _rows_of(draft: Draft, passage: Passage, topic: str, source: str, seed: int) -> Iterator[Row]:
    target = _target(draft)
    if target:
        # The solver's word is a stand-in's here; what counts is that no rule finds a flaw. Wordings
        # of other questions, which are asked for next, get no reply.
        recorder = Recorder(target, Choice(option=1).model_dump_json())
        made = generate_questions([passage], 1, topic=topic, llm=recorder, own=False, seed=seed)
        if all("solve" in reason or reason == "no wording" for reason in made.dropped):
            prompt, _ = recorder.asked[0]
            assert prompt[0].content == GENERATE_SYSTEM
            yield Row("quiz", topic, source, prompt, target)
    yield from _solutions(draft, passage, topic, source, seed)


def _target(draft: Draft) -> str:
    """The draft as the serving schema has it; empty where a part is longer than that allows."""
    try:
        return GeneratedItem(
            question=draft.prompt,
            answer=draft.key,
            wrong_answers=list(draft.distractors),
            quote=draft.quote,
            explanation=draft.explanation,
        ).model_dump_json()
    except ValidationError:
        return ""


def _solutions(draft: Draft, passage: Passage, topic: str, source: str, seed: int) -> Iterator[Row]:
    """The solver's prompt with the right number as its reply."""
    recorder = Recorder(Choice(option=1).model_dump_json())
    unsolved(draft, passage.text, recorder)
    prompt, _ = recorder.asked[0]
    shown = re.findall(r"^(\d)\. (.*)$", prompt[-1].content, re.MULTILINE)
    right = [int(number) for number, text in shown if text == draft.key]
    assert prompt[0].content == SOLVE_SYSTEM
    if len(right) == 1:
        reply = Choice(option=right[0]).model_dump_json()
        yield Row("solve", topic, source, prompt, reply)


def _best_quote(item: ChoiceItem, passages: list[Passage]) -> tuple[Passage, str] | None:
    """The sentence that shares most words with key and explanation, and its passage."""
    key = set(stems(item.key.text))
    wanted = key | set(stems(item.explanation))
    best: tuple[float, Passage, str] | None = None
    for passage in passages:
        for sentence in split_sentences(passage.text):
            if len(sentence) > MAX_QUOTE or "```" in sentence:
                continue
            words = set(stems(sentence))
            score = len(wanted & words) / (len(wanted) or 1)
            if len(key & words) >= 0.5 * len(key) and (best is None or score > best[0]):
                best = (score, passage, sentence)
    return (best[1], best[2]) if best else None
