"""A learner's data as one JSON object, to take along or to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tutor.errors import InputError

FORMAT = "tutor-learner"
VERSION = 1


def _clean(text: str) -> str:
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("text holds characters that can't be stored")
    return text


Text = Annotated[str, Field(max_length=20_000), AfterValidator(_clean)]
Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_clean)]
Target = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean)]
Share = Annotated[float, Field(ge=0, le=1)]
Time = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Attempt(_Entry):
    """One graded answer."""

    question_id: Target
    kind: Annotated[str, Field(max_length=16), AfterValidator(_clean)]
    topic: Annotated[str, Field(max_length=80), AfterValidator(_clean)]
    objective: int | None = Field(None, ge=0, le=1000)
    answer: Text
    score: Share
    verdict: Annotated[str, Field(pattern="^(correct|partial|incorrect|unsure)$")]
    confidence: Share
    at: Time
    session: Annotated[str, Field(max_length=64), AfterValidator(_clean)] = ""
    sureness: int | None = Field(None, ge=1, le=3)


class Dispute(_Entry):
    """An objection to the attempt at a position of the list."""

    attempt: int = Field(ge=0)
    reason: Text
    at: Time


class Context(_Entry):
    """What feedback is about: the question, the passages' keys and the reply."""

    prompt: Text = ""
    passages: Annotated[tuple[Target, ...], Field(max_length=50)] = ()
    reply: Text = ""


class Feedback(_Entry):
    """A thumb or a remark."""

    target: Target
    value: int = Field(ge=-1, le=1)
    note: Text = ""
    at: Time
    context: Context | None = None


class ChatSession(_Entry):
    """A conversation's entry in the list of sessions."""

    id: Name
    title: Annotated[str, Field(max_length=200), AfterValidator(_clean)] = ""
    created: Time
    updated: Time


class Reading(_Entry):
    """A paper on the reading list."""

    doc_id: Target
    title: Annotated[str, Field(max_length=300), AfterValidator(_clean)] = ""
    status: Annotated[str, Field(pattern="^(want|reading|read)$")]
    at: Time


class Archive(_Entry):
    """All that is kept about a learner."""

    format: str = Field(pattern=f"^{FORMAT}$")
    version: int = Field(ge=1, le=VERSION)
    learner: Name
    consent: bool = False
    attempts: tuple[Attempt, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    sessions: tuple[ChatSession, ...] = ()
    reading: tuple[Reading, ...] = ()


def write(
    learner: str,
    consent: bool,
    attempts: Sequence[Mapping[str, Any]],
    disputes: Sequence[Mapping[str, Any]],
    feedback: Sequence[Mapping[str, Any]],
    sessions: Sequence[Mapping[str, Any]],
    reading: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Rows of the database as JSON can hold them; disputes name attempts by position."""

    def plain(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: row[name] for name in model.model_fields}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
        }

    return {
        "format": FORMAT,
        "version": VERSION,
        "learner": learner,
        "consent": consent,
        "attempts": [plain(Attempt, row) for row in attempts],
        "disputes": [plain(Dispute, row) for row in disputes],
        "feedback": [plain(Feedback, row) for row in feedback],
        "sessions": [plain(ChatSession, row) for row in sessions],
        "reading": [plain(Reading, row) for row in reading],
    }


def read(data: Mapping[str, Any]) -> Archive:
    """Check what somebody wants to import.

    Raises:
        InputError: It is not a learner's data; the message names the place.
    """
    try:
        return Archive.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"This is no learner's data: '{place}': {first['msg']}.",
            "Import a file that Tutor exported.",
        ) from error
