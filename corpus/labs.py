"""Labs: code exercises, one folder each, with a hidden test and mutants that it must catch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from corpus.loading import CorpusError, load_yaml, validate
from corpus.roadmap import CORPUS_DIR, load_roadmap

LABS_DIR = CORPUS_DIR / "labs"


class _Sheet(BaseModel):
    """What lab.yaml says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=3)
    topic: str
    minutes: int = Field(ge=5, le=240)
    difficulty: int = Field(ge=1, le=5)
    packages: tuple[Literal["numpy", "torch"], ...] = Field(min_length=1)
    objectives: tuple[str, ...] = Field(min_length=2, max_length=4)


class Lab(_Sheet):
    """A code exercise. The learner sees task and starter; solution and tests stay in the folder.

    Attributes:
        minutes: How long a learner may need.
        task: Markdown with $LaTeX$.
        starter: The code that the learner begins with.
    """

    task: str
    starter: str
    folder: Path

    def read(self, name: str) -> str:
        """The text of another file of the lab's folder.

        Raises:
            CorpusError: The file can't be read.
        """
        try:
            return (self.folder / name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{self.folder.name}/{name}: {error}") from error

    @property
    def tests(self) -> str:
        """The source of the hidden tests."""
        return self.read("test_hidden.py")

    @property
    def solution(self) -> str:
        """The source of the reference solution."""
        return self.read("solution.py")

    @property
    def mutants(self) -> dict[str, str]:
        """Wrong solutions by the name of their mistake."""
        paths = sorted((self.folder / "mutants").glob("*.py"))
        return {path.stem: self.read(f"mutants/{path.name}") for path in paths}


@cache
def load_labs() -> dict[str, Lab]:
    """All labs by id, in roadmap order.

    Raises:
        CorpusError: A file is missing or malformed.
    """
    order = {topic.id: place for place, topic in enumerate(load_roadmap().topics())}
    labs = [read_lab(sheet.parent) for sheet in sorted(LABS_DIR.glob("*/lab.yaml"))]
    for lab in labs:
        if lab.topic not in order:
            raise CorpusError(f"lab {lab.id}: there is no topic '{lab.topic}'")
    labs.sort(key=lambda lab: (order[lab.topic], lab.difficulty, lab.id))
    return {lab.id: lab for lab in labs}


def labs_of(topic: str) -> list[Lab]:
    """The labs on a topic, easiest first."""
    return [lab for lab in load_labs().values() if lab.topic == topic]


def read_lab(folder: Path) -> Lab:
    """Read one lab's folder.

    Raises:
        CorpusError: A file is missing or malformed.
    """
    path = folder / "lab.yaml"
    sheet = validate(_Sheet, load_yaml(path), path)
    if sheet.id != folder.name:
        raise CorpusError(f"{folder.name}/lab.yaml: its id is '{sheet.id}'")
    texts: dict[str, str] = {}
    for field, name in (("task", "task.md"), ("starter", "starter.py")):
        try:
            texts[field] = (folder / name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{folder.name}/{name}: {error}") from error
    return Lab.model_validate({**sheet.model_dump(), **texts, "folder": folder})
