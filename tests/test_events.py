"""Events: values that a front end can keep and a checkpoint can hold."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, asdict
from typing import get_args

import pytest

from tutor.events import Event, Step, Token, Turn


def test_turn_survives_json() -> None:
    turn = Turn("assistant", "Hi", {"type": "text"})
    assert Turn(**json.loads(json.dumps(asdict(turn)))) == turn


def test_step_of_unknown_length_has_no_fraction() -> None:
    assert Step("Searching").fraction is None


def test_event_is_one_of_three() -> None:
    assert set(get_args(Event)) == {Token, Step, Turn}


@pytest.mark.parametrize("event", [Token("a"), Step("b", 0.5), Turn("user", "c", {})])
def test_events_are_frozen(event: Event) -> None:
    with pytest.raises(FrozenInstanceError):
        event.text = "changed"  # type: ignore[misc, union-attr]
