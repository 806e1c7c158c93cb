"""Where a quote stands on a page, and the boxes around its lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.ingest.highlight import Box, find_quote, line_boxes

PAGE = (
    "Running head\r\nWe keep the six\ufffeteen entries with the largest atten-\r\ntion weight, and "
    "no others. The e\ufb03cient cache is chosen again after every token.1 Results follow here."
)
QUOTE = "We keep the sixteen entries with the largest attention weight, and no others."


def found_text(page: str, quote: str) -> str:
    return "".join(page[place] for place in find_quote(page, quote).places)


def test_quote_is_found_across_broken_words_and_line_ends() -> None:
    match = find_quote(PAGE, QUOTE)
    assert (match.found, match.share) == ("exact", 1.0)
    assert PAGE[match.places[0]] == "W" and PAGE[match.places[-1]] == "s"
    assert "Running" not in found_text(PAGE, QUOTE)


def test_ligature_and_accent_are_letters() -> None:
    assert find_quote(PAGE, "The efficient cache").found == "exact"
    assert find_quote("the na\u0131\u0308ve \u201cm\u00e9thode\u201d", '"methode"').found == "exact"


def test_quote_with_a_dropped_footnote_mark_is_found_nearly() -> None:
    quote = "The efficient cache is chosen again after every token. Results follow here."
    match = find_quote(PAGE, quote)
    assert match.found == "near" and match.share > 0.9
    assert "1" not in found_text(PAGE, quote)


def test_first_half_of_a_quote_at_the_end_of_a_page_is_found_nearly() -> None:
    page = "x" * 300 + " This sentence begins on this page and it ends"
    match = find_quote(page, "This sentence begins on this page and it ends on the following one.")
    assert match.found == "near" and "x" not in "".join(page[p] for p in match.places)


@pytest.mark.parametrize(
    ("page", "quote"),
    [("", "Something."), (PAGE, ""), (PAGE, " .,- "), (PAGE, "Foxes hunt at night, mostly alone."),
     ("weight", "The weight of a fox is about eight kilograms, more or less."),
     ("cat", "Foxes hunt at night.")],
)  # fmt: skip
def test_what_does_not_stand_there_is_not_found(page: str, quote: str) -> None:
    match = find_quote(page, quote)
    assert match.found == "none" and match.places == ()


@given(st.text(max_size=80), st.text(alphabet="abcdefgh ", min_size=1, max_size=40), st.text())
def test_whatever_stands_on_the_page_is_found(before: str, quote: str, after: str) -> None:
    match = find_quote(before + quote + after, quote)
    if quote.strip():
        assert match.found == "exact"
    assert list(match.places) == sorted(set(match.places))


@given(st.text(max_size=200), st.text(max_size=80))
def test_places_lie_on_the_page(page: str, quote: str) -> None:
    assert all(0 <= place < len(page) for place in find_quote(page, quote).places)


def row(y: float, count: int, x: float = 100.0) -> list[Box | None]:
    return [(x + 6 * i, y, x + 6 * i + 5, y + 8) for i in range(count)]


def test_each_line_has_one_box() -> None:
    boxes = [*row(700, 10), None, *row(688, 5)]
    lines = line_boxes(range(len(boxes)), boxes)
    assert len(lines) == 2
    left, bottom, right, top = lines[0]
    assert left < 100 and right > 159 and bottom < 700 and top > 708


def test_column_beside_is_a_box_of_its_own() -> None:
    boxes = [*row(700, 10), *row(700, 10, x=320)]
    assert len(line_boxes(range(20), boxes)) == 2


def test_what_was_left_out_between_two_runs_is_not_marked() -> None:
    boxes = [*row(700, 5), *row(700, 5, x=160)]
    assert len(line_boxes([*range(5), *range(30, 35)], boxes)) == 2


def test_comma_below_the_line_stays_in_its_line() -> None:
    boxes: list[Box | None] = [*row(700, 4), (125.0, 697.0, 127.0, 699.5), *row(700, 4, x=130)]
    assert len(line_boxes(range(9), boxes)) == 1
