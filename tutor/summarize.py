"""A paper's summary in which every point is tied to a sentence that stands on its page.

Code chooses the sentences, so that a quote is exact and its page is certain whatever the model
does; the model restates them in plain words, and a restatement that its sentence does not support
is replaced by the sentence itself. Without a model the points are the sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

from corpus.lessons import load_lessons
from corpus.papers import Paper
from corpus.roadmap import load_roadmap
from tutor.errors import TutorError
from tutor.ingest.cues import Field
from tutor.ingest.document import Document
from tutor.ingest.quotes import quote_on_page, without_citations
from tutor.ingest.salience import (
    COUNTS,
    Ranking,
    Sentence,
    quotable_sentences,
    without_lead_in,
)
from tutor.ingest.sentences import split_sentences
from tutor.ingest.terms import Term, find_terms, match_topics
from tutor.restate import (
    RESTATE_SYSTEM,
    RESTATE_USER,
    TLDR_USER,
    Job,
    RestatedPoint,
    Restatements,
    Writer,
    is_supported,
)

if TYPE_CHECKING:
    from tutor.models.embed import Embedder
    from tutor.models.llm import LLM

__all__ = [
    "RESTATE_SYSTEM", "RESTATE_USER", "TLDR_USER", "PaperSummary", "Point", "RestatedPoint",
    "Restatements", "Term", "is_supported", "quote_on_page", "summarize", "summary_from_notes",
]  # fmt: skip

Progress = Callable[[str, float], None]

NO_MODEL = "extractive"
# The most specific field chooses first; no sentence serves two.
_ORDER: tuple[Field, ...] = ("results", "limitations", "method", "problem")
_SHOWN: tuple[Field, ...] = ("problem", "method", "results", "limitations")


@dataclass(frozen=True)
class Point:
    """One statement of a summary; `quote` stands on `page` word for word."""

    text: str
    page: int | None
    quote: str | None

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's contract."""
        return asdict(self)


@dataclass(frozen=True)
class PaperSummary:
    """What a paper says; the fields of the command line's contract."""

    doc_id: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    arxiv_id: str | None
    tldr: str
    problem: tuple[Point, ...]
    method: tuple[Point, ...]
    results: tuple[Point, ...]
    limitations: tuple[Point, ...]
    terms: tuple[Term, ...]
    topics: tuple[str, ...]
    source: Literal["full_text", "notes"]
    model: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PaperSummary:
        """Read what `to_dict` wrote."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        for name in ("authors", "topics"):
            fields[name] = tuple(fields[name])
        for name in ("problem", "method", "results", "limitations"):
            fields[name] = tuple(Point(**point) for point in fields[name])
        fields["terms"] = tuple(Term(**term) for term in fields["terms"])
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def _points(
    sentences: Sequence[Sentence], plain: Sequence[str], restated: Mapping[int, str]
) -> tuple[Point, ...]:
    return tuple(
        Point(restated.get(index, plain[index]), sentence.page, sentence.text)
        for index, sentence in enumerate(sentences)
    )


def summarize(
    document: Document,
    llm: LLM | None,
    progress: Progress | None = None,
    cancel: Event | None = None,
    embedder: Embedder | None = None,
) -> PaperSummary:
    """Summarise a document.

    Args:
        document: A parsed paper.
        llm: Restates the chosen sentences, in five short calls; None leaves them as they are.
        progress: Told the stage and the share that is done.
        cancel: Ends it, within a fraction of a second while the model writes.
        embedder: Sharpens the choice of the gist.

    Raises:
        TutorError: `cancel` was set.
    """

    def step(stage: str, share: float) -> None:
        if cancel and cancel.is_set():
            raise TutorError("The summary was cancelled.")
        if progress:
            progress(stage, share)

    step("Choosing sentences", 0.0)
    sentences = quotable_sentences(document)
    ranking = Ranking(sentences, f"{document.title} {document.abstract}", document.title)
    chosen: dict[Field, list[Sentence]] = {}
    for field in _ORDER:
        taken = [sentence for others in chosen.values() for sentence in others]
        chosen[field] = ranking.choose(field, COUNTS[field], taken)
    gist = ranking.gist(embedder)
    lead = () if gist is None else (without_lead_in(without_citations(gist.text)),)
    jobs = {"tldr": Job(TLDR_USER, lead)}
    for field in _SHOWN:
        plain = tuple(without_citations(sentence.text) for sentence in chosen[field])
        jobs[field] = Job(RESTATE_USER, plain, field)
    writer = Writer(llm, document.title)
    restated = writer.restate_all(jobs, lambda share: step("Writing", 0.2 + 0.75 * share))
    tldr = restated["tldr"].get(0, lead[0]) if lead else document.title
    points = {
        field: _points(chosen[field], jobs[field].sentences, restated[field]) for field in _SHOWN
    }
    step("Finding terms and topics", 0.95)
    topics = match_topics(document)
    main = [sentence.text for sentence in sentences if sentence.role != "back"]
    terms = find_terms(document, main, topics)
    step("Done", 1.0)
    return PaperSummary(
        doc_id=document.doc_id,
        title=document.title,
        authors=document.authors,
        year=document.year,
        arxiv_id=document.arxiv_id,
        tldr=tldr,
        **points,
        terms=terms,
        topics=topics,
        source="full_text",
        model=llm.name if llm and writer.helped else NO_MODEL,
    )


def summary_from_notes(paper: Paper) -> PaperSummary:
    """The summary of a key paper whose full text is not at hand, from our own note on it."""
    lessons = load_lessons()
    roadmap = load_roadmap()

    def points(text: str) -> tuple[Point, ...]:
        return tuple(Point(sentence, None, None) for sentence in split_sentences(text))

    terms = tuple(
        Term(roadmap.topic(topic).title, split_sentences(lessons[topic].sections["In short"])[0])
        for topic in paper.topics
        if topic in lessons
    )
    return PaperSummary(
        doc_id=f"arxiv:{paper.id}",
        title=paper.title,
        authors=paper.authors,
        year=paper.year,
        arxiv_id=paper.id,
        tldr=paper.why,
        problem=points(paper.note.problem),
        method=points(paper.note.method),
        results=points(paper.note.result),
        limitations=points(paper.note.limit),
        terms=terms[:6],
        topics=paper.topics,
        source="notes",
        model=NO_MODEL,
    )
