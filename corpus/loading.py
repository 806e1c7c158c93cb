"""Reading the corpus' YAML files, with errors that name the file and the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class CorpusError(ValueError):
    """A file of the corpus is malformed; the message names the file and the place."""


def load_yaml(path: Path) -> Any:
    """Parse a YAML file.

    Raises:
        CorpusError: The file is missing or is not YAML.
    """
    try:
        # The C loader is ten times faster, and the corpus is read at every start.
        return yaml.load(
            path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CorpusError(f"{path.name}: {error}") from error


def load_list(path: Path) -> list[Any]:
    """Parse a YAML file that holds a list.

    Raises:
        CorpusError: The file is missing, is not YAML or holds something else.
    """
    data = load_yaml(path)
    if not isinstance(data, list):
        raise CorpusError(f"{path.name}: holds no list")
    return data


def read_text(path: Path) -> str:
    """A text file of the corpus.

    Raises:
        CorpusError: The file is missing or is not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path.name}: {error}") from error


def validate(model: type[Model], data: Any, path: Path) -> Model:
    """Check `data` against `model`.

    Raises:
        CorpusError: The data does not fit; the message names the place.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        name = data.get("id", "") if isinstance(data, dict) else ""
        raise CorpusError(f"{path.name} {name} at '{place}': {first['msg']}") from error
