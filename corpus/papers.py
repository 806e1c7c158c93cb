"""The key papers: bibliographic facts, why each matters, and a note in our own words."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, Field

from corpus.loading import CorpusError, load_list, validate
from corpus.roadmap import CORPUS_DIR


class Note(BaseModel):
    """What a paper says, in our own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    method: str
    result: str
    limit: str

    @property
    def text(self) -> str:
        """The whole note as one paragraph."""
        return f"{self.problem} {self.method} {self.result} {self.limit}"


class Paper(BaseModel):
    """A paper on arXiv."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^\d{4}\.\d{4,5}$", description="arXiv id without version")
    version: int = Field(ge=1)
    title: str
    authors: tuple[str, ...] = Field(min_length=1)
    year: int = Field(ge=1990, le=2100)
    venue: str
    licence: str | None
    topics: tuple[str, ...] = Field(min_length=1)
    why: str
    note: Note


@cache
def load_papers() -> dict[str, Paper]:
    """Read and validate corpus/papers.yaml, by arXiv id.

    Raises:
        CorpusError: The file is malformed or an id repeats.
    """
    path = CORPUS_DIR / "papers.yaml"
    papers: dict[str, Paper] = {}
    for entry in load_list(path):
        paper = validate(Paper, entry, path)
        if paper.id in papers:
            raise CorpusError(f"{path.name}: {paper.id} stands there twice")
        papers[paper.id] = paper
    return papers


def papers_of_topic(topic_id: str) -> list[Paper]:
    """The papers that name a topic, in the file's order."""
    return [paper for paper in load_papers().values() if topic_id in paper.topics]
