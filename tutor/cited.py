"""What an answer is made of: sentences, citations, and how they are put together."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.excerpt import shortened
from tutor.retrieve import Passage
from tutor.sanitize import safe_markdown


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer with the numbers of its citations."""

    text: str
    citations: tuple[int, ...]
    supported: bool


@dataclass(frozen=True)
class Citation:
    """A passage retrieved in this turn that supports at least one sentence."""

    n: int
    key: str
    kind: str
    doc_id: str
    title: str
    section: str
    page: int | None
    quote: str
    score: float


@dataclass(frozen=True)
class Answer:
    """The reply to a question; fields as in the command line's contract."""

    question: str
    answer: str
    mode: Literal["model", "passages"]
    refused: bool
    reason: str | None
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    topics: tuple[str, ...]
    follow_ups: tuple[str, ...]
    model: str
    timings_ms: dict[str, float]
    dropped_citations: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's contract."""
        return asdict(self)


class Cites:
    """Numbers the passages that are cited, in the order of their first use."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._numbers: dict[int, int] = {}
        self._quotes: dict[int, str] = {}

    def number(self, passage: int, quote: str) -> int:
        """The number of a passage; the quote of its first use stays."""
        self._quotes.setdefault(passage, quote)
        return self._numbers.setdefault(passage, len(self._numbers) + 1)

    def citations(self) -> tuple[Citation, ...]:
        """The cited passages by number."""
        return tuple(
            Citation(
                n=n, key=p.key, kind=p.kind, doc_id=p.doc_id, title=p.title, section=p.section,
                page=p.page, quote=self._quotes[i], score=p.score,
            )
            for i, n in self._numbers.items()
            for p in [self._passages[i]]
        )  # fmt: skip


def assembled(
    question: str,
    sentences: Sequence[Sentence],
    citations: tuple[Citation, ...],
    passages: Sequence[Passage],
    mode: Literal["model", "passages"],
    model: str,
    dropped: int,
) -> Answer:
    """An answer from its sentences, with the topics that its citations are about.

    Args:
        mode: Whose words these are: the model's, or the passages'.
        model: Its name, or empty.
        dropped: How many of the model's own markers were not taken over.
    """
    text = " ".join(
        sentence.text + "".join(f" [{n}]" for n in sentence.citations) for sentence in sentences
    )
    cited = {citation.key for citation in citations}
    topics = topics_of([p for p in passages if p.key in cited] or passages)
    return Answer(
        question=question, answer=text, mode=mode, refused=False, reason=None,
        sentences=tuple(sentences), citations=citations, topics=topics,
        follow_ups=_follow_ups(topics), model=model, timings_ms={}, dropped_citations=dropped,
    )  # fmt: skip


def refusal(question: str, reason: str, nearest: Sequence[Passage]) -> Answer:
    """Says that the evidence is too thin and offers the nearest things there are."""
    cites = Cites(nearest)
    sentences = [Sentence(reason, (), True)]
    titles: dict[str, int] = {}
    for i, passage in enumerate(nearest):
        if passage.title not in titles:
            titles[passage.title] = cites.number(i, shortened(passage.text))
    if titles:
        listed = "; ".join(f"{safe_markdown(title)} [{n}]" for title, n in titles.items())
        sentences.append(
            Sentence(f"The nearest things I have are: {listed}.", tuple(titles.values()), True)
        )
    topics = topics_of(nearest)
    text = " ".join(sentence.text for sentence in sentences)
    return Answer(
        question=question, answer=text, mode="passages", refused=True,
        reason=reason, sentences=tuple(sentences), citations=cites.citations(), topics=topics,
        follow_ups=_follow_ups(topics), model="", timings_ms={},
    )  # fmt: skip


def topics_of(passages: Sequence[Passage]) -> tuple[str, ...]:
    """Roadmap topics of the passages, most frequent first, at most three."""
    weight: dict[str, float] = {}
    for passage in passages:
        kind, _, name = passage.doc_id.partition(":")
        paper = load_papers().get(name) if kind == "arxiv" else None
        topics = (name,) if kind == "lesson" else paper.topics[:2] if paper else ()
        for topic in topics:
            weight[topic] = weight.get(topic, 0.0) + passage.score / len(topics)
    return tuple(sorted(weight, key=lambda topic: -weight[topic])[:3])


def _follow_ups(topics: Sequence[str]) -> tuple[str, ...]:
    """What to ask next: a quiz on the topic, and the topics that build on it."""
    if not topics:
        return ("What should I study next?",)
    roadmap = load_roadmap()
    topic = roadmap.topic(topics[0])
    after = [t.title for t in roadmap.topics() if topic.id in t.prerequisites]
    return (f"Quiz me on {topic.title}", *(f"Explain {title}" for title in after[:2]))
