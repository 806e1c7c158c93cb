"""Lessons: one Markdown file a topic, with front matter and named sections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from corpus.loading import CorpusError, read_text, validate
from corpus.roadmap import CORPUS_DIR, load_roadmap

SECTIONS = (
    "In short",
    "Why it matters",
    "The idea",
    "Precisely",
    "Worked example",
    "What people get wrong",
    "Connections",
    "Further reading",
)


class FrontMatter(BaseModel):
    """The head of a lesson file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    minutes: int = Field(ge=1, le=240)
    papers: tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """What is taught about one topic.

    Attributes:
        topic: The topic's id.
        minutes: Reading time.
        papers: arXiv ids that the lesson builds on.
        sections: Markdown by section title, in reading order.
    """

    topic: str
    minutes: int
    papers: tuple[str, ...]
    sections: dict[str, str]

    @property
    def title(self) -> str:
        """The topic's title on the roadmap."""
        return load_roadmap().topic(self.topic).title

    @property
    def markdown(self) -> str:
        """The lesson's body."""
        return "\n\n".join(f"## {title}\n{text}" for title, text in self.sections.items())


def parse_lesson(text: str, name: str) -> Lesson:
    """Split a lesson file into front matter and sections.

    Raises:
        CorpusError: Front matter or sections are malformed.
    """
    match = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    if not match:
        raise CorpusError(f"{name}: no front matter between --- lines")
    try:
        head = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise CorpusError(f"{name}: front matter: {error}") from error
    front = validate(FrontMatter, head, Path(name))
    parts = re.split(r"^## +(.+?) *$", match[2], flags=re.MULTILINE)
    sections = {title: body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}
    unknown = set(sections) - set(SECTIONS)
    if unknown:
        raise CorpusError(f"{name}: unknown sections {sorted(unknown)}")
    if "In short" not in sections:
        raise CorpusError(f"{name}: the section 'In short' is missing")
    return Lesson(front.id, front.minutes, front.papers, sections)


@cache
def load_lessons() -> dict[str, Lesson]:
    """All lessons by topic id, in roadmap order.

    Raises:
        CorpusError: A file is malformed, misplaced or belongs to no topic.
    """
    roadmap = load_roadmap()
    lessons: dict[str, Lesson] = {}
    known = {topic.id for topic in roadmap.topics()}
    for path in sorted((CORPUS_DIR / "lessons").glob("stage-*/*.md")):
        lesson = parse_lesson(read_text(path), path.name)
        if lesson.topic != path.stem or lesson.topic not in known:
            raise CorpusError(f"{path.name}: its id '{lesson.topic}' is not its topic's")
        if path.parent.name != f"stage-{roadmap.stage_of(lesson.topic)}":
            raise CorpusError(f"{path.name}: lies in the wrong stage's folder")
        lessons[lesson.topic] = lesson
    return {topic.id: lessons[topic.id] for topic in roadmap.topics() if topic.id in lessons}
