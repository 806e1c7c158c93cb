"""Where a paper stands on the roadmap, and what comes before it."""

from __future__ import annotations

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.library.standing import MAX_BEFORE, papers_before, standing_markdown, topics_before

BERT = load_papers()["1810.04805"]


def test_topics_before_are_prerequisites_and_not_the_paper_s_own() -> None:
    roadmap = load_roadmap()
    for paper in load_papers().values():
        before = {topic.id for topic in topics_before(paper.topics)}
        assert not before & set(paper.topics)
        assert all(any(n in roadmap.topic(t).prerequisites for t in paper.topics) for n in before)


def test_papers_before_are_not_later_and_not_the_paper_itself() -> None:
    for paper in load_papers().values():
        before = papers_before(paper.topics, paper.year, paper.id)
        assert len(before) <= MAX_BEFORE
        assert all(p.year <= paper.year and p.id != paper.id for p in before)
    assert papers_before(BERT.topics, BERT.year, BERT.id)


def test_names_are_written_as_asked() -> None:
    text = standing_markdown(
        BERT.topics, BERT.year, BERT.id, lambda kind, name, _title: f"<{kind}:{name}>"
    )
    assert f"<topic:{BERT.topics[0]}>" in text and "<paper:" in text
    assert "Stage" in text and "Learn:" in text and "Read:" in text


def test_paper_off_the_roadmap_stands_nowhere() -> None:
    assert standing_markdown(()) == ""
