"""The item bank: choice, numeric and short-text items, one YAML file a topic."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from corpus.loading import CorpusError, load_list
from corpus.roadmap import CORPUS_DIR, load_roadmap


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Item(_Data):
    id: str = Field(pattern=r"^[a-z0-9-]+-[cnt]\d\d$")
    objective: int = Field(ge=0)
    difficulty: int = Field(ge=1, le=5)
    prompt: str = Field(min_length=10)
    explanation: str
    source: str = Field(pattern=r"^(lesson:[a-z0-9-]+|arxiv:\d{4}\.\d{4,5})(#.+)?$")

    @property
    def topic(self) -> str:
        """The topic's id, which every item's id begins with."""
        return self.id.rsplit("-", 1)[0]


class Option(_Data):
    """An answer to choose; a wrong one says which misconception it stands for."""

    text: str
    correct: bool = False
    why: str = ""


class ChoiceItem(_Item):
    """Four options, one of them right. The order is the code's to shuffle."""

    kind: Literal["choice"]
    options: tuple[Option, Option, Option, Option]

    def model_post_init(self, _context: object) -> None:
        """Reject items without exactly one key and three reasoned distractors."""
        if sum(option.correct for option in self.options) != 1:
            raise ValueError("exactly one option must be correct")
        if any(not option.correct and not option.why for option in self.options):
            raise ValueError("every wrong option needs its why")
        if len({option.text.strip().lower() for option in self.options}) != 4:
            raise ValueError("options repeat")

    @property
    def key(self) -> Option:
        """The right option."""
        return next(option for option in self.options if option.correct)


class Mistake(_Data):
    """The value that a named mistake leads to."""

    value: float
    why: str


class NumericItem(_Item):
    """A number to compute. `check` recomputes the key independently, as a Python expression."""

    kind: Literal["numeric"]
    answer: float
    tolerance: float = Field(ge=0)
    unit: str | None
    check: str
    mistakes: tuple[Mistake, ...] = ()


class Sample(_Data):
    """A sample answer with the score that a careful human gives."""

    label: Literal["full", "partial", "wrong", "off-topic"]
    score: float = Field(ge=0, le=1)
    text: str


class TextItem(_Item):
    """A short text, graded against rubric points."""

    kind: Literal["text"]
    reference: str
    rubric: tuple[str, ...] = Field(min_length=2, max_length=4)
    samples: tuple[Sample, ...] = Field(min_length=4, max_length=4)


Item = Annotated[ChoiceItem | NumericItem | TextItem, Field(discriminator="kind")]
_ITEM: TypeAdapter[ChoiceItem | NumericItem | TextItem] = TypeAdapter(Item)


@cache
def load_items() -> dict[str, ChoiceItem | NumericItem | TextItem]:
    """The whole bank by item id, in roadmap order.

    Raises:
        CorpusError: A file is malformed, an id repeats or an objective does not exist.
    """
    items: dict[str, ChoiceItem | NumericItem | TextItem] = {}
    for stage in load_roadmap().stages:
        for topic in stage.topics:
            path = CORPUS_DIR / "exercises" / f"stage-{stage.n}" / f"{topic.id}.yaml"
            if not path.exists():
                continue
            for entry in load_list(path):
                name = entry.get("id", "?") if isinstance(entry, dict) else "?"
                try:
                    item = _ITEM.validate_python(entry)
                except ValidationError as error:
                    first = error.errors()[0]
                    place = ".".join(str(part) for part in first["loc"])
                    raise CorpusError(f"{path.name} {name} at '{place}': {first['msg']}") from error
                if item.topic != topic.id or item.objective >= len(topic.objectives):
                    raise CorpusError(f"{path.name} {name}: topic or objective does not exist")
                if item.id in items:
                    raise CorpusError(f"{path.name}: {name} stands there twice")
                items[item.id] = item
    return items
