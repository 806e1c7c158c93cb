"""Questions a learner could ask, from items, lessons and papers, some with parts of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from corpus.exercises import ChoiceItem, TextItem, load_items
from corpus.lessons import Lesson, load_lessons
from corpus.papers import Paper, load_papers
from tutor.exercises.cloze import definitions
from tutor.ingest.sentences import split_sentences

OF_TOPIC = (
    "What is {} about?",
    "Give me an overview of {}.",
    "Why does {} matter?",
    "I am new to {}. Where do I begin?",
    "What should I know about {}?",
    "What do people get wrong about {}?",
)
OF_PAPER = (
    "What problem does the paper {} solve?",
    "How does the method of {} work?",
    "What results does {} report?",
    "What are the limits of {}?",
    "What is the main idea of {}?",
    "Why is the paper {} important?",
)
OF_TERM = ("What is {}?", "Can you explain {}?", "What does {} mean?")
_CASUAL = (
    "{}",
    "hey, {}",
    "quick question: {}",
    "i don't get it. {}",
    "{} explain it simply",
    "for my exam: {}",
    "{} thanks!",
)
_MISCONCEPTION = re.compile(
    r"\*\*Misconception\.\*\*\s*(.+?)\s*\*\*Correction\.\*\*\s*(.+?)(?=\n\s*-\s|\Z)", re.DOTALL
)
_RUN_IN_HEAD = re.compile(r"^\*\*([^*\n]{4,50}?)(?:[.:]\*\*|\*\*[ :])", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """A question, and sentences of a right answer where somebody wrote one.

    Attributes:
        kind: Where it came from: item, topic, paper, term or misconception.
        document: The document that must hold the answer ("arxiv:…"), or empty.
    """

    question: str
    topic: str
    source: str
    kind: str
    said: tuple[str, ...] = ()
    document: str = ""


def all_questions() -> list[Asked]:
    """Every question, held-out topics included; in a fixed order, none twice."""
    found = [*_of_items(), *_of_lessons(), *_of_papers()]
    return list({asked.question: asked for asked in reversed(found)}.values())[::-1]


def casual(asked: Asked, rng: Random) -> Asked:
    """The same question as people type it into a chat."""
    question = asked.question
    if rng.random() < 0.7:
        question = question[0].lower() + question[1:]
    if rng.random() < 0.5:
        question = question.rstrip("?.")
    return replace(asked, question=rng.choice(_CASUAL).format(question))


def misconceptions(lesson: Lesson) -> list[tuple[str, str]]:
    """(what people think, what is right) of a lesson."""
    text = lesson.sections.get("What people get wrong", "")
    return [
        (" ".join(wrong.split()), " ".join(right.split()))
        for wrong, right in _MISCONCEPTION.findall(text)
    ]


def _of_items() -> Iterator[Asked]:
    for item in load_items().values():
        source = f"bank:{item.id}"
        if isinstance(item, TextItem):
            said = (*split_sentences(item.reference), *split_sentences(item.samples[0].text))
        elif isinstance(item, ChoiceItem) and not re.search(
            r"(?i)\bof these\b|\bfollowing\b|____", item.prompt
        ):
            said = tuple(split_sentences(item.explanation))
        else:
            continue
        yield Asked(item.prompt, item.topic, source, "item", said)


def _of_lessons() -> Iterator[Asked]:
    for topic, lesson in load_lessons().items():
        source = f"lesson:{topic}"
        for template in OF_TOPIC:
            yield Asked(template.format(lesson.title), topic, source, "topic")
        for wrong, right in misconceptions(lesson):
            claim = _uncapitalised(wrong.rstrip(".!?"))
            said = tuple(split_sentences(right))
            for template in ("Is it true that {}?", "I read that {}. Is that right?"):
                yield Asked(template.format(claim), topic, source, "misconception", said)
        terms = [term for term, _, _ in definitions(lesson.markdown)]
        heads = _RUN_IN_HEAD.findall(lesson.markdown)
        terms += [head for head in heads if head.rstrip(".") not in ("Misconception", "Superseded")]
        for number, term in enumerate(dict.fromkeys(terms)):
            template = OF_TERM[number % len(OF_TERM)]
            yield Asked(template.format(term.rstrip(".")), topic, source, "term")


def _of_papers() -> Iterator[Asked]:
    for paper in load_papers().values():
        name = short_title(paper)
        source = f"arxiv:{paper.id}"
        for template in OF_PAPER:
            question = template.format(name)
            yield Asked(question, paper.topics[0], source, "paper", document=source)


def _uncapitalised(sentence: str) -> str:
    """A sentence as it goes on behind other words; an acronym keeps its capitals."""
    acronym = len(sentence) > 1 and (sentence[1].isupper() or sentence[1] in "-0123456789")
    return sentence if acronym else sentence[0].lower() + sentence[1:]


def short_title(paper: Paper) -> str:
    """How people call a paper: the part of its title before the colon, where it has one."""
    name = paper.title.split(":")[0]
    return name if len(name) < 60 else f"“{paper.title}”"
