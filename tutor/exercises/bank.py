"""The item bank of the corpus as questions."""

from __future__ import annotations

import random
import re
from typing import Any

from corpus.exercises import ChoiceItem, NumericItem, TextItem, load_items
from corpus.lessons import load_lessons
from corpus.loading import CorpusError
from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.question import KINDS, Kind, Mistake, Question, suggest

_SENTENCE = re.compile(r".+?[.!?](?=\s|$)", re.DOTALL)
_QUOTE_CHARS = 240


def item_ids() -> list[str]:
    """The ids of all items of the bank."""
    return list(_items())


def bank_question(item_id: str, seed: int = 0) -> Question:
    """One item of the bank; the seed shuffles its options.

    Raises:
        NotFoundError: There is no such item; the cure names the nearest one.
    """
    items = _items()
    if item_id not in items:
        raise NotFoundError(
            f"There is no item '{item_id[:80]}'.", suggest(item_id, list(items), "bank:%s:0")
        )
    return _question(items[item_id], seed)


def bank_questions(
    *,
    stage: int | None = None,
    topic: str | None = None,
    kind: Kind | None = None,
    paper: str | None = None,
    seed: int = 0,
) -> list[Question]:
    """All items that pass the given filters, in roadmap order.

    Args:
        paper: An arXiv id; takes items that cite the paper and items of its topics.

    Raises:
        NotFoundError: There is no such stage, topic or paper.
    """
    topics = topics_of(stage=stage, topic=topic, paper=paper, kind=kind)
    return [
        _question(item, seed)
        for item in _items().values()
        if (kind is None or item.kind == kind)
        and (
            item.topic in topics
            or (paper is not None and re.match(rf"arxiv:{re.escape(paper)}(#|$)", item.source))
        )
    ]


def topics_of(
    *,
    stage: int | None = None,
    topic: str | None = None,
    paper: str | None = None,
    kind: str | None = None,
) -> set[str]:
    """The topics that pass all given filters; checks the filters on the way.

    Raises:
        NotFoundError: There is no such stage, topic, paper or kind.
    """
    roadmap = load_roadmap()
    topics = {entry.id for entry in roadmap.topics()}
    if kind is not None and kind not in KINDS:
        raise NotFoundError(f"There is no kind '{kind[:40]}'.", f"Kinds are {', '.join(KINDS)}.")
    if topic is not None:
        if topic not in topics:
            raise NotFoundError(
                f"There is no topic '{topic[:80]}'.", suggest(topic, sorted(topics))
            )
        topics = {topic}
    if stage is not None:
        of_stage = [entry for entry in roadmap.stages if entry.n == stage]
        if not of_stage:
            raise NotFoundError(f"There is no stage {stage}.", "Stages are numbered 1 to 7.")
        topics &= {entry.id for entry in of_stage[0].topics}
    if paper is not None:
        papers = _load(load_papers)
        if paper not in papers:
            raise NotFoundError(
                f"No key paper has the arXiv id '{paper[:40]}'.", suggest(paper, list(papers))
            )
        topics &= set(papers[paper].topics)
    return topics


def lesson_citation(topic: str, section: str | None = None) -> dict[str, Any] | None:
    """A citation of a lesson's section; the quote is how the section begins."""
    lesson = _load(load_lessons).get(topic)
    if lesson is None:
        return None
    if section not in lesson.sections:
        section = "In short"
    return {
        "n": 1,
        "key": f"lesson:{topic}#{section}",
        "kind": "lesson",
        "doc_id": f"lesson:{topic}",
        "title": lesson.title,
        "section": section,
        "page": None,
        "quote": _beginning(lesson.sections[section]),
        "score": 1.0,
    }


def _load(loader: Any) -> Any:
    """Call a loader of the corpus; what is malformed there becomes one of our errors."""
    try:
        return loader()
    except CorpusError as error:
        raise InputError(f"The corpus is malformed: {error}.", "Reinstall Tutor.") from error


def _items() -> dict[str, ChoiceItem | NumericItem | TextItem]:
    items: dict[str, ChoiceItem | NumericItem | TextItem] = _load(load_items)
    return items


def _beginning(text: str) -> str:
    """The first sentence of a Markdown section, and the second where the first is short."""
    prose = " ".join(line for line in text.splitlines() if not re.match(r"\s*([#>|]|```)", line))
    quote = ""
    for match in _SENTENCE.finditer(prose.strip()):
        sentence = match[0]
        if quote and len(quote) + len(sentence) > _QUOTE_CHARS:
            break
        quote += sentence
        if len(quote) >= _QUOTE_CHARS / 2:
            break
    return (quote or prose[:_QUOTE_CHARS]).strip()


def _citation(source: str) -> dict[str, Any] | None:
    place, _, section = source.partition("#")
    kind, _, name = place.partition(":")
    if kind == "lesson":
        return lesson_citation(name, section or None)
    paper = _load(load_papers).get(name)
    return {
        "n": 1,
        "key": source,
        "kind": "paper",
        "doc_id": place,
        "title": paper.title if paper else place,
        "section": section,
        "page": None,
        # The bank holds no text of papers, and a paraphrase would be no quote.
        "quote": "",
        "score": 1.0,
    }


def _question(item: ChoiceItem | NumericItem | TextItem, seed: int) -> Question:
    shared: dict[str, Any] = {
        "id": f"bank:{item.id}:{seed}",
        "kind": item.kind,
        "stage": load_roadmap().stage_of(item.topic),
        "topic": item.topic,
        "difficulty": item.difficulty,
        "prompt": item.prompt,
        "source": "bank",
        "citation": _citation(item.source),
        "explanation": item.explanation,
        "objective": item.objective,
    }
    if isinstance(item, ChoiceItem):
        options = list(item.options)
        random.Random(f"{item.id}:{seed}").shuffle(options)
        return Question(
            **shared,
            options=tuple(option.text for option in options),
            key=options.index(item.key),
            option_whys=tuple(option.why for option in options),
        )
    if isinstance(item, NumericItem):
        return Question(
            **shared,
            key=item.answer,
            tolerance=item.tolerance,
            unit=item.unit,
            mistakes=tuple(Mistake(mistake.value, mistake.why) for mistake in item.mistakes),
        )
    return Question(**shared, key=item.reference, rubric=item.rubric)
