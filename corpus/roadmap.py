"""The roadmap: seven stages, their modules and topics, validated and typed."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from corpus.loading import load_yaml, validate

CORPUS_DIR = Path(__file__).parent


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(_Data):
    """The unit of study: one bullet of the roadmap."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    prerequisites: tuple[str, ...]
    objectives: tuple[str, ...] = Field(min_length=1)


class Module(_Data):
    """A numbered section of a stage, such as 3.1."""

    id: str = Field(pattern=r"^[1-7]\.[1-9]$")
    title: str
    topics: tuple[Topic, ...] = Field(min_length=1)


class Stage(_Data):
    """One of the seven stages."""

    n: int = Field(ge=1, le=7)
    title: str
    modules: tuple[Module, ...] = Field(min_length=1)

    @property
    def topics(self) -> tuple[Topic, ...]:
        """All topics of the stage in order."""
        return tuple(topic for module in self.modules for topic in module.topics)


class Resource(_Data):
    """A course, a book or a community that the roadmap recommends."""

    kind: str
    title: str
    by: str
    stages: tuple[int, ...]


class Roadmap(_Data):
    """All stages. Prerequisites are known topics and form no cycle."""

    title: str
    stages: tuple[Stage, ...]
    resources: tuple[Resource, ...]

    def model_post_init(self, _context: object) -> None:
        """Reject unknown or circular prerequisites and repeated ids."""
        ids = [topic.id for topic in self.topics()]
        if len(ids) != len(set(ids)):
            raise ValueError("topic ids repeat")
        graph = {topic.id: topic.prerequisites for topic in self.topics()}
        unknown = {p for ps in graph.values() for p in ps} - set(ids)
        if unknown:
            raise ValueError(f"unknown prerequisites: {sorted(unknown)}")
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            raise ValueError(f"prerequisites form a cycle: {error.args[1]}") from error

    def topics(self) -> Iterator[Topic]:
        """All topics in roadmap order."""
        for stage in self.stages:
            yield from stage.topics

    def topic(self, topic_id: str) -> Topic:
        """The topic of that id.

        Raises:
            KeyError: There is no such topic.
        """
        for topic in self.topics():
            if topic.id == topic_id:
                return topic
        raise KeyError(topic_id)

    def stage_of(self, topic_id: str) -> int:
        """The number of the stage that a topic belongs to.

        Raises:
            KeyError: There is no such topic.
        """
        for stage in self.stages:
            if any(topic.id == topic_id for topic in stage.topics):
                return stage.n
        raise KeyError(topic_id)


@cache
def load_roadmap() -> Roadmap:
    """Read and validate corpus/roadmap.yaml."""
    path = CORPUS_DIR / "roadmap.yaml"
    return validate(Roadmap, load_yaml(path), path)
