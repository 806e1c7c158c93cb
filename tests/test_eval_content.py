"""The content's proof: coverage of every topic, spelling, reading level, near-duplicates."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from corpus.exercises import ChoiceItem, load_items
from eval import content, prose
from eval.coverage import COVERAGE, Row, coverage, coverage_markdown
from eval.prose import british, grade, misspelled, own_words, syllables, words

FULL = Row("t", "T", 1, 900, 5, 2, 1, ("family",), ())


def test_coverage_page_is_up_to_date() -> None:
    said = "run: python -m eval.coverage"
    assert COVERAGE.read_text("utf-8") == coverage_markdown(coverage()), said


def test_no_topic_is_left_thin() -> None:
    assert {row.topic: row.gaps for row in coverage() if row.gaps} == {}


@pytest.mark.parametrize(
    ("changed", "gap"),
    [
        ({"words": 0}, "no lesson"),
        ({"choice": 4}, "4 choice items, not at least 5"),
        ({"text": 1}, "1 text items, not at least 2"),
        ({"families": ()}, "asks for numbers but has no parametric family"),
    ],
)
def test_gap_is_named(changed: dict[str, Any], gap: str) -> None:
    assert FULL.gaps == []
    assert replace(FULL, **changed).gaps == [gap]


def test_topic_without_numbers_needs_no_family() -> None:
    assert replace(FULL, numeric=0, families=()).gaps == []


def test_whole_content_is_spelled_rightly() -> None:
    found = {place: misspelled(text) for place, text in prose.texts().items()}
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_list_of_words_is_sorted_and_in_use() -> None:
    listed = [line for line in prose.WORDS.read_text("utf-8").splitlines() if line[0] != "#"]
    assert listed == sorted(set(listed)), "corpus/words.txt"
    used = {w.lower().removesuffix("'s") for text in prose.texts().values() for w in words(text)}
    assert [word for word in listed if word not in used] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The tokenizer recieves a sentence.", ["recieves"]),
        ("We normalise the behaviour.", ["behaviour", "normalise"]),
        ("Code such as `xqzt` and $wqzt$ is not read; neither is\n```python\nqqzz = 1\n```", []),
        ("PyTorch, GPT-2 and https://exampel.org/pgae are names.", []),
        ("The stemmer cuts it to \"studi\" or 'runn'.", []),
        ("| hedaer | cell |\n|---|---|\n\nThe table's rows.", []),
        ("Zipf's law and softmax.", []),
        ("exp(x) and sqrtt(y)", []),
    ],
)
def test_misspelled_words_are_found_in_prose_alone(text: str, found: list[str]) -> None:
    assert misspelled(text) == found


@pytest.mark.parametrize(
    ("word", "american"),
    [
        ("optimisation", "optimization"),
        ("analysed", "analyzed"),
        ("colour", "color"),
        ("labelled", "labeled"),
        ("centre", "center"),
        ("four", None),
        ("our", None),
        ("called", None),
        ("surprise", None),
        ("analyses", None),
        ("sentence", None),
    ],
)
def test_british_spellings_are_told_from_words_that_look_so(
    word: str, american: str | None
) -> None:
    assert british(word) == american


def test_terms_of_the_field_are_known() -> None:
    assert {"softmax", "backpropagation"} <= own_words()


@pytest.mark.parametrize(
    ("word", "count"),
    [("the", 1), ("table", 2), ("makes", 1), ("trained", 1), ("added", 2), ("layer", 2),
     ("matrices", 3), ("they", 1), ("syllable", 3), ("attention", 3), ("hmm", 1)],
)  # fmt: skip
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_long_words_and_sentences_raise_the_grade() -> None:
    plain = "The cat sat on the mat. The dog ran to the door."
    heavy = "Regularization systematically discourages unnecessarily complicated representations."
    assert grade(plain) < 3 < 12 < grade(heavy)
    assert grade(plain) == grade(f"## A heading\n\n{plain}\n\n```\ncode is not counted here\n```\n")
    assert grade("") == 0.0


def test_reading_level_names_its_outliers() -> None:
    levels = {f"topic-{n}": 9.0 + n / 10 for n in range(9)} | {"hard": 20.0}
    metric = content._level("lessons", levels)
    assert metric.value == pytest.approx(9.45)
    assert "9.0 to 20.0" in metric.note and metric.note.endswith("outliers: hard 20.0")


def test_near_duplicates_are_named_over_the_whole_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [item for item in load_items().values() if isinstance(item, ChoiceItem)][:3]
    monkeypatch.setattr(content, "load_items", lambda: {item.id: item for item in items})

    def embed(said: list[str]) -> Any:
        assert all(item.key.text in text for item, text in zip(items, said, strict=True))
        return np.array([[1.0, 0.0], [0.0, 1.0], [0.95, 0.312]])

    def context(embedder: Any) -> Any:
        return SimpleNamespace(tutor=SimpleNamespace(embedder_if_loaded=embedder))

    found = content._duplicates(context(SimpleNamespace(embed=embed)))
    assert found == [f"{items[0].id} and {items[2].id}"]
    assert content._duplicates(context(None)) is None


def test_shortcuts_do_not_pay() -> None:
    choices = [item for item in load_items().values() if isinstance(item, ChoiceItem)]
    assert content.longest_key_share(choices) <= content.LONGEST
    assert content._mildest(choices) <= content.LONGEST
    assert content._one_place(choices) <= content.ONE_PLACE
