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

# With the section of the lesson, or the field of the note, that answers.
OF_TOPIC = {
    "What is {} about?": "In short",
    "Give me an overview of {}.": "In short",
    "Why does {} matter?": "Why it matters",
    "I am new to {}. Where do I begin?": "In short",
    "What should I know about {}?": "In short",
    "How does {} work?": "The idea",
}
OF_PAPER = {
    "What problem does the paper {} solve?": "problem",
    "How does the method of {} work?": "method",
    "What results does {} report?": "result",
    "What are the limits of {}?": "limit",
    "What is the main idea of {}?": "method",
    "Why is the paper {} important?": "result",
}
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
_RUN_IN_HEAD = re.compile(r"^\*\*([^*\n]{4,50}?)(?:[.:]\*\*|\*\*[ :])(.*)$", re.MULTILINE)


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
        for template, section in OF_TOPIC.items():
            said = tuple(split_sentences(lesson.sections.get(section, "")))
            yield Asked(template.format(lesson.title), topic, source, "topic", said)
        for wrong, right in misconceptions(lesson):
            claim = _uncapitalised(wrong.rstrip(".!?"))
            said = tuple(split_sentences(right))
            for template in ("Is it true that {}?", "I read that {}. Is that right?"):
                yield Asked(template.format(claim), topic, source, "misconception", said)
        terms: dict[str, tuple[str, ...]] = {
            term: (sentence,) for term, sentence, _ in definitions(lesson.markdown)
        }
        for head, behind in _RUN_IN_HEAD.findall(lesson.markdown):
            if head.rstrip(".") not in ("Misconception", "Superseded"):
                terms.setdefault(head, tuple(split_sentences(behind)))
        for number, (term, said) in enumerate(terms.items()):
            template = OF_TERM[number % len(OF_TERM)]
            yield Asked(template.format(term.rstrip(".")), topic, source, "term", said)


def _of_papers() -> Iterator[Asked]:
    for paper in load_papers().values():
        name = short_title(paper)
        source = f"arxiv:{paper.id}"
        for template, part in OF_PAPER.items():
            said = tuple(split_sentences(getattr(paper.note, part)))
            yield Asked(template.format(name), paper.topics[0], source, "paper", said, source)


def _uncapitalised(sentence: str) -> str:
    """A sentence as it goes on behind other words; an acronym keeps its capitals."""
    acronym = len(sentence) > 1 and (sentence[1].isupper() or sentence[1] in "-0123456789")
    return sentence if acronym else sentence[0].lower() + sentence[1:]


def short_title(paper: Paper) -> str:
    """How people call a paper: the part of its title before the colon, where it has one."""
    name = paper.title.split(":")[0]
    return name if len(name) < 60 else f"“{paper.title}”"
