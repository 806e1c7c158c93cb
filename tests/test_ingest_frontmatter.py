"""Who wrote a paper: names as first pages print them, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.ingest.frontmatter import find_authors
from tutor.ingest.layout import Line, read_page

TITLE = "On the Tracks of Foxes"


def a_line(text: str, *parts: str) -> Line:
    return Line(1, text, 10.0, False, 100.0, 600.0, 400.0, 600.0, "F", parts)


def authors(*lines: str | Line, metadata: str = "") -> tuple[str, ...]:
    given_lines = [line if isinstance(line, Line) else a_line(line) for line in lines]
    return find_authors([a_line(TITLE), *given_lines, a_line("Abstract")], metadata, TITLE)


def test_editors_of_a_journal_are_no_authors() -> None:
    found = authors(
        "Journal of Fox Research 3 (2003) 1137-1155", "Jane Doe DOE@FOX.EDU",
        "Editors: Ed Itor, Al Soedit and Third Person", "Communicated by Max Chair",
    )  # fmt: skip
    assert found == ("Jane Doe",)


def test_wide_gaps_part_names_that_no_comma_does() -> None:
    line = a_line("Jane Doe Richard Q. Roe Li Wei", "Jane Doe", "Richard Q. Roe", "Li Wei")
    assert authors(line) == ("Jane Doe", "Richard Q. Roe", "Li Wei")


def test_list_may_break_a_name_at_the_end_of_a_line() -> None:
    found = authors("Jane Doe, Richard Roe, Li Wei, Yu", "Han, Max Moe.", "Foxes Inc., Berlin")
    assert found == ("Jane Doe", "Richard Roe", "Li Wei", "Yu Han", "Max Moe")


def test_list_that_ends_with_a_whole_name_goes_on_with_another() -> None:
    found = authors("Jane Doe, Richard Roe, Li Wei", "Max Moe, Ann Poe")
    assert found == ("Jane Doe", "Richard Roe", "Li Wei", "Max Moe", "Ann Poe")


@pytest.mark.parametrize("mark", ["∗", "†‡", "1,2", "λ∗", "⇤†", "(a)", "?", " 12"])
def test_marks_of_footnotes_are_no_part_of_a_name(mark: str) -> None:
    assert authors(f"Jane Doe{mark}, Richard Roe{mark}") == ("Jane Doe", "Richard Roe")


@pytest.mark.parametrize(
    "line",
    [
        "Fox University", "Neural Foxes 9(8):1735-1780, 1997", "Corso Elvezia 36",
        "{jane,richard}@fox.edu", "jane.doe @ fox.edu", "http://fox.edu/", "Lugano, Switzerland",
        "Ubiquitous Fox Processing Lab", "JANE DOE AND FOXES", "(Version 2)",
    ],
)  # fmt: skip
def test_addresses_and_headers_name_nobody(line: str) -> None:
    assert authors("Jane Doe", line) == ("Jane Doe",)


@pytest.mark.parametrize("name", ["Zeyuan Allen-Zhu", "Diego de las Casas", "Lélio Renard Lavaud"])
def test_names_of_several_parts_stay_whole(name: str) -> None:
    assert authors(f"{name}, Jane Doe") == (name, "Jane Doe")


def test_metadata_of_one_name_comes_second_and_a_list_first() -> None:
    assert authors("Jane Doe", metadata="Max Uploader") == ("Jane Doe",)
    assert authors(metadata="Max Moe") == ("Max Moe",)
    assert authors("J. D.", metadata="Jane Doe; Richard Roe") == ("Jane Doe", "Richard Roe")


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6), st.text(max_size=40))
def test_any_first_page_gives_names_of_bounded_length(lines: list[str], metadata: str) -> None:
    assert all(
        0 < len(name) <= max(40, len(metadata)) for name in authors(*lines, metadata=metadata)
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bengio2003*", ["Yoshua Bengio", "Réjean Ducharme", "Pascal Vincent", "Christian Jauvin"]),
        ("hochreiter*", ["Sepp Hochreiter", "Jurgen Schmidhuber"]),
        ("glove*", ["Jeffrey Pennington", "Richard Socher", "Christopher D. Manning"]),
        ("1810.04805*", ["Jacob Devlin", "Ming-Wei Chang", "Kenton Lee", "Kristina Toutanova"]),
        ("1512.03385*", ["Kaiming He", "Xiangyu Zhang", "Shaoqing Ren", "Jian Sun"]),
    ],
)
def test_real_first_page_names_its_authors(shared: Path, name: str, expected: list[str]) -> None:
    import pypdfium2

    [path] = (shared / "papers").glob(name)
    with pypdfium2.PdfDocument(path.read_bytes()) as pdf:
        lines = read_page(pdf[0].get_textpage(), 1)
    assert list(find_authors(lines, "", "")) == expected
