"""Where a paper stands on the roadmap, and what to learn and to read before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from corpus.papers import Paper, load_papers
from corpus.roadmap import Topic, load_roadmap

MAX_BEFORE = 4  # papers and topics that are named; more would be a course

# What to write for a topic's or a paper's name: its kind ("topic", "paper"), its id, its title.
Name = Callable[[str, str, str], str]


def title_alone(_kind: str, _id: str, title: str) -> str:
    """A name that leads nowhere."""
    return title


def topics_before(topics: Sequence[str]) -> list[Topic]:
    """The topics that a paper's topics build on, in the roadmap's order."""
    roadmap = load_roadmap()
    core = _core(topics)
    wanted = {name for topic in core for name in roadmap.topic(topic).prerequisites}
    return [topic for topic in roadmap.topics() if topic.id in wanted - set(topics)]


def papers_before(
    topics: Sequence[str], year: int | None = None, arxiv_id: str | None = None
) -> list[Paper]:
    """Earlier key papers of the same topics and of those that they build on, the oldest first.

    Args:
        topics: Of the paper in question, the main one first.
        year: Of the paper in question; later ones are no preparation for it.
        arxiv_id: Of the paper in question, which is left out.
    """
    core, before = set(_core(topics)), {topic.id for topic in topics_before(topics)}
    nearness: dict[str, int] = {}
    for paper in load_papers().values():
        if paper.id == arxiv_id or (year is not None and paper.year > year):
            continue
        same = len(core.intersection(paper.topics)) if year and paper.year < year else 0
        near = 2 * same + len(before.intersection(paper.topics))
        if near:
            nearness[paper.id] = near
    found = [load_papers()[name] for name in nearness]
    found.sort(key=lambda paper: (-nearness[paper.id], -paper.year, paper.id))
    return sorted(found[:MAX_BEFORE], key=lambda paper: (paper.year, paper.id))


def _core(topics: Sequence[str]) -> list[str]:
    """The topics up to the main one's stage: those in which it is an example are left out."""
    stage_of = load_roadmap().stage_of
    return [topic for topic in topics if stage_of(topic) <= stage_of(topics[0])]


def standing_markdown(
    topics: Sequence[str],
    year: int | None = None,
    arxiv_id: str | None = None,
    name: Name = title_alone,
) -> str:
    """The paper's topics with their stages, and what comes before it; empty without topics.

    Args:
        name: Writes the names of topics and papers, as links for instance.
    """
    if not topics:
        return ""
    roadmap = load_roadmap()
    lines = ["**On the roadmap**"]
    lines += [
        f"- Stage {roadmap.stage_of(topic)}: {name('topic', topic, roadmap.topic(topic).title)}"
        for topic in topics
    ]
    learn = [name("topic", t.id, t.title) for t in topics_before(topics)[-MAX_BEFORE:]]
    read = [
        name("paper", paper.id, paper.title) + f" ({paper.year})"
        for paper in papers_before(topics, year, arxiv_id)
    ]
    if learn or read:
        lines.append("\n**Before it**")
    if learn:
        lines.append(f"- Learn: {'; '.join(learn)}")
    if read:
        lines.append(f"- Read: {'; '.join(read)}")
    return "\n".join(lines)
