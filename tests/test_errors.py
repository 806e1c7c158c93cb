"""The error tree is what its drawing says, and a message carries its cure."""

from __future__ import annotations

import inspect
import re

import pytest

from tutor import errors
from tutor.errors import TutorError


def error_classes() -> dict[str, type[Exception]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }


def drawn_tree() -> dict[str, str]:
    """Class by name in the module's drawing, with its parent as the indentation tells."""
    parents: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ │├└─]*)(\w*Error)\b", line)
        if not found:
            continue
        depth = len(found[1])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        parents[found[2]] = stack[-1][1] if stack else "Exception"
        stack.append((depth, found[2]))
    return parents


def test_every_error_is_drawn_below_its_parent() -> None:
    real = {name: cls.__mro__[1].__name__ for name, cls in error_classes().items()}
    assert drawn_tree() == real, "the drawing in tutor/errors.py and its classes differ"


def test_every_error_is_a_tutor_error_with_a_docstring() -> None:
    for name, cls in error_classes().items():
        assert issubclass(cls, TutorError), f"{name} would escape the command line"
        assert cls.__doc__, f"{name} does not say what it means"


@pytest.mark.parametrize("cls", error_classes().values(), ids=lambda cls: cls.__name__)
def test_message_and_cure_are_kept_apart_and_shown_together(cls: type[TutorError]) -> None:
    error = cls("It broke.", "Mend it.")
    assert (error.message, error.cure, str(error)) == (
        "It broke.",
        "Mend it.",
        "It broke. Mend it.",
    )


def test_error_without_cure_ends_without_a_blank() -> None:
    assert str(TutorError("It broke.")) == "It broke."
