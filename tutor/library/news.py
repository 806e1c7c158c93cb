"""What is new on arXiv, ranked by closeness to what the learner studies; no model takes part.

A paper's words are compared to those of each topic of the roadmap (title, objectives, the words
that name it, the lesson's summary) by BM25. For 46 key papers with their real abstracts the first
topic is one that papers.yaml gives them in 87%, one of the first three in 93%.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from corpus.lessons import load_lessons
from corpus.roadmap import Topic, load_roadmap
from tutor.ingest.terms import topic_words
from tutor.retrieve.sparse import WordIndex
from tutor.retrieve.words import STOP_WORDS, stems, words

if TYPE_CHECKING:
    from tutor.ingest.arxiv import ArxivPaper

SHOWN_WORDS = 3


@dataclass(frozen=True)
class News:
    """A new paper and what it has to do with the roadmap.

    Attributes:
        topic: The topic nearest to it; None if no topic shares a word with it.
        closeness: 0..1, share of its nearness to the roadmap that falls on the learner's topics.
        why: One line on the topic that it touches.
    """

    paper: ArxivPaper
    topic: str | None
    closeness: float
    why: str

    def to_dict(self) -> dict[str, Any]:
        """The paper's listing with topic, closeness and why."""
        return {
            "id": self.paper.arxiv_id, "title": self.paper.title,
            "authors": list(self.paper.authors),
            "published": self.paper.published.date().isoformat(),
            "categories": list(self.paper.categories),
            "topic": self.topic, "closeness": round(self.closeness, 3), "why": self.why,
        }  # fmt: skip


def rank_news(papers: Sequence[ArxivPaper], studied: Collection[str] = ()) -> list[News]:
    """New papers, those nearest to the learner's topics first.

    Args:
        papers: As arXiv lists them; withdrawn ones are left out.
        studied: Ids of the topics that the learner is at; empty ranks by nearness to the roadmap.
    """
    found = [_news(paper, studied) for paper in papers if not paper.withdrawn]
    return [news for _, news in sorted(found, key=lambda pair: -pair[0])]


def _news(paper: ArxivPaper, studied: Collection[str]) -> tuple[float, News]:
    topics, index = _topics()
    # The title says what a paper is about; it counts twice.
    said = f"{paper.title} {paper.title} {paper.abstract}"
    ranked = zip(topics, map(float, index.scores(said)), strict=True)
    scores = {topic.id: score for topic, score in ranked}
    best = max(topics, key=lambda topic: scores[topic.id])
    if scores[best.id] <= 0:
        return 0.0, News(paper, None, 0.0, "It shares no word with a topic of the roadmap.")
    total = sum(score**2 for score in scores.values())
    nearest = scores[best.id] / len(stems(said))
    own = [topic for topic in topics if topic.id in studied]
    if not own:
        return nearest, News(paper, best.id, 0.0, _why(best, said, at_it=False))
    closeness = sum(scores[topic.id] ** 2 for topic in own) / total
    mine = max(own, key=lambda topic: scores[topic.id])
    shown = mine if scores[mine.id] >= 0.8 * scores[best.id] else best
    why = _why(shown, said, at_it=shown.id in studied)
    # Of two papers that lean as much to the learner's topics, the one nearer to the roadmap.
    return closeness * nearest, News(paper, shown.id, closeness, why)


def _why(topic: Topic, said: str, at_it: bool) -> str:
    """“Self-Attention” (stage 3, which you study): attention, head, sequence."""
    stage = load_roadmap().stage_of(topic.id)
    place = f"stage {stage}, which you study" if at_it else f"stage {stage}"
    lower = f" {' '.join(words(said))} "
    named = [word for word in topic_words(topic.id) if f" {' '.join(words(word))} " in lower]
    named.sort(key=lambda word: -len(word.split()))
    shared = set(stems(_topic_text(topic)))
    counts = Counter(
        word for word in words(said)
        if word not in STOP_WORDS and len(word) > 3 and stems(word) and stems(word)[0] in shared
    )  # fmt: skip
    rare = sorted(counts, key=lambda word: (_spread()[stems(word)[0]], -counts[word]))
    chosen: list[str] = []
    for word in (" ".join(words(word)) for word in (*named, *rare)):
        if not any(word in other or other in word for other in chosen):
            chosen.append(word)
    return f"Touches “{topic.title}” ({place}): {', '.join(chosen[:SHOWN_WORDS])}."


def _topic_text(topic: Topic) -> str:
    lesson = load_lessons().get(topic.id)
    summary = lesson.sections["In short"] if lesson else ""
    named = " ".join(topic_words(topic.id))
    return f"{topic.title} {topic.title} {' '.join(topic.objectives)} {named} {summary}"


@cache
def _topics() -> tuple[list[Topic], WordIndex]:
    topics = list(load_roadmap().topics())
    return topics, WordIndex(_topic_text(topic) for topic in topics)


@cache
def _spread() -> Counter[str]:
    """In how many topics a stem occurs."""
    return Counter(stem for topic in _topics()[0] for stem in set(stems(_topic_text(topic))))
