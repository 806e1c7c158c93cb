"""Answers from numbered facts: the skill that a learner meets in every reply.

A target restates the facts that answer best, or says in a human author's words what the facts
support, each sentence with the number of its fact. The tutor's own `answer_question` must accept
it whole: every sentence supported, nothing quoted in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from finetune.data.facts import facts_as_passages
from finetune.data.questions import Asked, casual
from finetune.data.rows import Recorder, Row
from tutor.answer import Answer, answer_question
from tutor.draft import FACTS, NO_ANSWER, numbered
from tutor.excerpt import best_sentences
from tutor.retrieve import Retrieval, Retriever, stems
from tutor.retrieve.companions import with_opening
from tutor.support import SupportChecker

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

MOST_SENTENCES = 5
MOST_WORDS = 110
FEWEST_WORDS = 22
FULL_WORDS = 65  # in an answer after which no further fact is told
NEW_WORDS = 0.5  # share of a sentence's content words that must not have been said before
NEAR = 0.3  # share of the question's content words that an answer must take up
ANSWERS = 0.5  # nearness (cosine) of the best fact to the right answer for the facts to answer
BELONGS = 0.42  # … of a fact that is told
ELSEWHERE = 0.3  # … below which no fact answers, so that refusing is right
REFUSAL = "The sources do not say."
SWAPPED = 0.4  # share of questions that are put to the facts of another one
KINDS = (None, "lesson", "paper")  # search is also asked for lessons or papers alone

_LEAD = re.compile(
    r"^(?:However|So|Thus|Therefore|Hence|But|And|Instead|Moreover|In addition|Also|Then|Here"
    r"|For example|For instance|By contrast|In short|Note that),?\s+"
)
_LEANS = re.compile(
    r"^(?:It|They|This|These|Those|Both|Its|Their|He|She|Such|Each of|One of them|The same"
    r"|The former|The latter|Neither|Either|Another)\b"
)


@dataclass(frozen=True)
class Evidence:
    """What the tutor found for a question."""

    asked: Asked
    retrieval: Retrieval
    facts: tuple[tuple[int, str], ...]  # (passage, sentence) as `explain_prompt` shows them


def gather(
    asked: Asked,
    retriever: Retriever,
    embedder: Embedder | None,
    kind: str | None = None,
    paper: str | None = None,
) -> Evidence:
    """Retrieve as `Tutor.ask` does, and choose the facts as `explain_prompt` does."""
    found = with_opening(retriever, retriever.search(asked.question, kind=kind, paper=paper))
    facts = best_sentences(asked.question, found.passages, embedder, FACTS)
    return Evidence(asked, found, tuple(facts))


def grounded_rows(
    questions: Iterable[Asked], retriever: Retriever, embedder: Embedder | None, seed: int = 0
) -> Iterator[Row]:
    """Rows for each question as written and as people type it, over all kinds of sources."""
    rng = Random(f"grounded:{seed}")
    for asked in questions:
        for number, kind in enumerate(KINDS):
            form = asked if number == 0 and rng.random() < 0.5 else casual(asked, rng)
            # In the chat a question about a paper is put to that paper alone.
            paper = asked.document if kind == "paper" and asked.document else None
            evidence = gather(form, retriever, embedder, kind, paper)
            row = grounded_row(evidence, embedder) or _not_found(evidence, embedder)
            if row is not None:
                yield row


def grounded_row(evidence: Evidence, embedder: Embedder | None) -> Row | None:
    """One row, or None where the facts give no answer that the tutor would show."""
    asked = evidence.asked
    target = write_answer(evidence, embedder)
    if not target:
        return None
    recorder = Recorder(target)
    answer = _answered(asked.question, evidence.retrieval, recorder, embedder)
    if answer.mode != "model" or not all(sentence.supported for sentence in answer.sentences):
        return None
    prompt, _ = recorder.asked[0]
    return Row("grounded", asked.topic, asked.source, prompt, target)


def _not_found(evidence: Evidence, embedder: Embedder | None) -> Row | None:
    """A refusal where no fact is near to the right answer: the hard ones, on the same subject."""
    asked = evidence.asked
    if asked.kind != "item" or max(_nearness(evidence, embedder), default=0.0) >= ELSEWHERE:
        return None
    recorder = Recorder(REFUSAL)
    _answered(asked.question, evidence.retrieval, recorder, embedder)
    if not recorder.asked:
        return None
    return Row("refusal", asked.topic, asked.source, recorder.asked[0][0], REFUSAL)


def refusal_rows(
    questions: Sequence[Asked], retriever: Retriever, embedder: Embedder | None, seed: int = 0
) -> Iterator[Row]:
    """Questions put to facts that don't answer them: of another paper, or found for another
    question."""
    rng = Random(f"refusal:{seed}")
    of_papers = [asked for asked in questions if asked.document]
    others = sorted({asked.document for asked in of_papers})
    for asked in of_papers:
        for other in rng.sample(others, 4):
            if other != asked.document:
                found = retriever.search(asked.question, paper=other)
                yield from _refused(asked, found, other, embedder, rng)
    elsewhere = [asked for asked in questions if not asked.document]
    for asked in elsewhere:
        swapped = rng.choice(elsewhere)
        if rng.random() < SWAPPED and swapped.topic != asked.topic:
            found = retriever.search(swapped.question)
            yield from _refused(asked, found, asked.source, embedder, rng)


def _refused(
    asked: Asked, found: Retrieval, source: str, embedder: Embedder | None, rng: Random
) -> Iterator[Row]:
    """The row, unless the passages speak of what the question names."""
    name = set(stems(asked.question)) - set(stems("paper method results problem limits"))
    said = {stem for p in found.passages for stem in stems(f"{p.title} {p.text}")}
    if not found.passages or len(name & said) > len(name) / 3:
        return
    form = casual(asked, rng) if rng.random() < 0.5 else asked
    recorder = Recorder(REFUSAL)
    # The tutor itself refuses where it found nothing near; the model is asked elsewhere.
    sure = Retrieval(found.passages, 1.0, 1.0, found.timings_ms)
    _answered(form.question, sure, recorder, embedder)
    if recorder.asked:
        yield Row("refusal", asked.topic, source, recorder.asked[0][0], REFUSAL)


def write_answer(evidence: Evidence, embedder: Embedder | None) -> str:
    """The target: supported sentences with markers; empty where there is too little."""
    checker = SupportChecker(facts_as_passages(evidence.facts, evidence.retrieval.passages))
    told: set[str] = set()
    lines: list[str] = []
    words = 0

    def tell(sentence: str, passage: int | None) -> None:
        nonlocal words
        vocabulary = set(stems(sentence))
        count = len(sentence.split())
        full = len(lines) >= MOST_SENTENCES or words + count > MOST_WORDS
        if full or not vocabulary or len(vocabulary - told) < NEW_WORDS * len(vocabulary):
            return
        support = checker.check(sentence)
        if support is None or not support.supported:
            return
        lines.append(numbered(sentence, (support.passage if passage is None else passage) + 1))
        told.update(vocabulary)
        words += count

    for sentence in evidence.asked.said:
        if not _LEANS.match(sentence) or lines:
            for part in plain_sentences(sentence):
                tell(part, None)
    for group in _by_worth(evidence, embedder):
        if words >= FULL_WORDS:
            break
        for i, sentence in group:
            for part in plain_sentences(sentence):
                tell(part, i)
    wanted = set(stems(evidence.asked.question))
    near = evidence.asked.said or len(wanted & told) >= NEAR * len(wanted)
    enough = near and words >= FEWEST_WORDS and NO_ANSWER not in str(lines).lower()
    return " ".join(lines) if enough else ""


def plain_sentences(sentence: str) -> list[str]:
    """A sentence without the word that led into it, parted at a semicolon."""
    text = _LEAD.sub("", " ".join(sentence.replace("**", "").split()))
    parts = [part.strip(" ;") for part in re.split(r";\s+", text)] if "$" not in text else [text]
    if any(len(part.split()) < 5 for part in parts):
        parts = [text]
    return [_sentence(part) for part in parts]


def _sentence(part: str) -> str:
    part = part if part[:1] in "`$" or part[1:2].isupper() else part[:1].upper() + part[1:]
    return part if re.search(r"[.!?:]\W*$", part) else f"{part}."


def _by_worth(evidence: Evidence, embedder: Embedder | None) -> list[list[tuple[int, str]]]:
    """Facts that the right answer, or else the question, is nearest to; far ones are left out.

    One that leans on its neighbour comes with it.
    """
    facts = evidence.facts
    near = _nearness(evidence, embedder)
    groups: list[list[tuple[int, str]]] = []
    if evidence.asked.document:
        passages = evidence.retrieval.passages
        own = [passages[i].doc_id == evidence.asked.document for i, _ in facts]
        if not any(own):
            return []  # what was found is about other things
        near = [value + mine for value, mine in zip(near, own, strict=True)]
    if not near or max(near) < ANSWERS:
        return []
    for place in sorted(range(len(facts)), key=lambda place: -near[place]):
        if facts[place][1].startswith('"') or near[place] < BELONGS:
            continue  # a lesson's title, where to read on, or a fact about something else
        if not _LEANS.match(facts[place][1]):
            groups.append([facts[place]])
        elif place and facts[place - 1][0] == facts[place][0]:
            if not _LEANS.match(facts[place - 1][1]):
                groups.append([facts[place - 1], facts[place]])
    return groups


def _nearness(evidence: Evidence, embedder: Embedder | None) -> list[float]:
    """Of each fact to the right answer where somebody wrote one, else to the question."""
    wanted = " ".join(evidence.asked.said) or evidence.asked.question
    texts = [text for _, text in evidence.facts]
    if embedder is None or not texts:
        known = set(stems(wanted))
        facts = [set(stems(text)) for text in texts]
        return [len(known & fact) / max(1, min(len(known), len(fact))) for fact in facts]
    vectors = embedder.embed([wanted, *texts])
    return [float(value) for value in vectors[1:] @ vectors[0]]


def _answered(
    question: str, retrieval: Retrieval, recorder: Recorder, embedder: Embedder | None
) -> Answer:
    parts = answer_question(question, retrieval, llm=recorder, embedder=embedder)
    return next(part for part in parts if isinstance(part, Answer))
