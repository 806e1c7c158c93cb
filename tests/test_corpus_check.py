"""The content's checks: each finds its own kind of fault, and the content has none."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from corpus import check
from corpus.check import check_item, check_lesson, evaluate, longest_key_share, run_block
from corpus.exercises import ChoiceItem, NumericItem, TextItem, load_items
from corpus.lessons import Lesson, load_lessons
from corpus.loading import CorpusError
from corpus.roadmap import load_roadmap

ITEMS = load_items()
CHOICE = next(x for x in ITEMS.values() if isinstance(x, ChoiceItem) and x.source.count("#"))
NUMERIC = next(x for x in ITEMS.values() if isinstance(x, NumericItem))
TEXT = next(x for x in ITEMS.values() if isinstance(x, TextItem))


@pytest.fixture
def lesson() -> Lesson:
    return load_lessons()["self-attention"]


def changed(lesson: Lesson, title: str, text: str) -> Lesson:
    return replace(lesson, sections={**lesson.sections, title: text})


def said(problems: Any, *words: str) -> None:
    found = list(problems)
    assert any(all(word in line for word in words) for line in found), f"{words} not in {found}"


def test_whole_content_has_no_problem() -> None:
    assert check.problems(set(range(1, 8)), run=False) == []


def test_sound_lesson_has_no_problem_and_prints_what_it_says(lesson: Lesson) -> None:
    assert list(check_lesson(lesson)) == []


def test_faults_of_a_lesson_are_found(lesson: Lesson) -> None:
    said(check_lesson(changed(lesson, "In short", "Short."), run=False), "'In short' has 1 words")
    long = changed(lesson, "The idea", "word " * 1200)
    said(check_lesson(long, run=False), "not 500-1,150")
    plain = changed(lesson, "What people get wrong", "**Misconception.** One.")
    said(check_lesson(plain, run=False), "fewer than two misconceptions")
    cites = changed(lesson, "Further reading", "arXiv:2401.99999")
    said(check_lesson(cites, run=False), "arXiv:2401.99999 is not in papers.yaml")
    codeless = changed(lesson, "Worked example", "No code.")
    said(check_lesson(codeless, run=False), "no python block")
    fewer = {title: text for title, text in lesson.sections.items() if title != "The idea"}
    said(check_lesson(replace(lesson, sections=fewer), run=False), "sections missing: The idea")


def test_output_block_that_does_not_match_is_found(lesson: Lesson) -> None:
    wrong = "```python\nprint(6 * 7)\n```\n```output\n41\n```"
    problems = check_lesson(changed(lesson, "Worked example", wrong))
    said(problems, "prints '42'")


def test_code_block_prints_or_shows_its_error() -> None:
    assert run_block("print('hi')") == "hi\n"
    assert "ZeroDivisionError" in run_block("1 / 0")


def test_code_block_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "BLOCK_S", 0.2)
    assert run_block("while True: pass") == "nothing within 0.2 s"


def test_words_of_code_do_not_count() -> None:
    assert check.word_count("one two\n```python\nthree four\n```\nfive") == 3


@pytest.mark.parametrize(
    ("expression", "value"), [("2**10", 1024), ("math.sqrt(16)", 4), ("np.log2(8)", 3)]
)
def test_keys_are_recomputed(expression: str, value: float) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression", ["open('/etc/passwd')", "__import__('os')", "1 +", "nothing"]
)
def test_expression_beyond_arithmetic_is_a_problem(expression: str) -> None:
    bad = NUMERIC.model_copy(update={"check": expression})
    said(check_item(bad), "its check does not run")


def test_faults_of_items_are_found() -> None:
    assert list(check_item(CHOICE)) == list(check_item(NUMERIC)) == list(check_item(TEXT)) == []
    for source, words in {
        "arxiv:2401.99999": "not in papers.yaml", "lesson:nothing": "does not exist",
        f"{CHOICE.source.partition('#')[0]}#No Such": "no section",
    }.items():  # fmt: skip
        said(check_item(CHOICE.model_copy(update={"source": source})), words)
    options = (CHOICE.options[0].model_copy(update={"text": "It never does"}), *CHOICE.options[1:])
    said(check_item(CHOICE.model_copy(update={"options": options})), "absolute word")
    said(check_item(NUMERIC.model_copy(update={"answer": NUMERIC.answer + 1e6})), "recomputed as")
    said(check_item(NUMERIC.model_copy(update={"tolerance": 1e9})), "is wide")
    said(check_item(TEXT.model_copy(update={"samples": TEXT.samples[:3]})), "lack a label")
    flat = tuple(sample.model_copy(update={"score": 0.5}) for sample in TEXT.samples)
    said(check_item(TEXT.model_copy(update={"samples": flat})), "not ordered")


def test_longest_option_as_the_key_is_measured() -> None:
    def item(*lengths: int) -> ChoiceItem:
        options = tuple(
            option.model_copy(update={"text": "x" * length, "correct": n == 0})
            for n, (option, length) in enumerate(zip(CHOICE.options, lengths, strict=True))
        )
        return CHOICE.model_copy(update={"options": options})

    assert longest_key_share([]) == 0.0
    assert longest_key_share([item(9, 1, 2, 3)]) == 1.0
    assert longest_key_share([item(9, 9, 2, 3), item(1, 2, 3, 4)]) == 0.25


def test_items_with_the_same_stem_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = CHOICE.model_copy(update={"id": "twin", "prompt": f" {CHOICE.prompt.upper()} "})
    monkeypatch.setattr(check, "load_items", lambda: {CHOICE.id: CHOICE, f"{CHOICE.id}x": twin})
    monkeypatch.setattr(ChoiceItem, "topic", property(lambda _: CHOICE.id.rsplit("-", 1)[0]))
    stage = load_roadmap().stage_of(CHOICE.topic)
    said(check.problems({stage}, run=False), f"same stem as {CHOICE.id}")


@pytest.mark.parametrize(("found", "code"), [([], 0), (["lesson a: b"], 1)])
def test_problems_are_printed_and_decide_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: list[str], code: int
) -> None:
    asked: list[Any] = []

    def problems(stages: set[int], run: bool) -> list[str]:
        asked.append((stages, run))
        return found

    monkeypatch.setattr(check, "problems", problems)
    monkeypatch.setattr(sys, "argv", ["check", "--stage", "2", "--stage", "3", "--no-run"])
    assert check.main() == code and asked == [({2, 3}, False)]
    assert capsys.readouterr().out.splitlines() == [*found, f"{len(found)} problems"]


def test_malformed_corpus_is_one_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise CorpusError("a.yaml: broken")

    monkeypatch.setattr(check, "problems", fail)
    monkeypatch.setattr(sys, "argv", ["check"])
    assert check.main() == 1
    assert "a.yaml: broken" in capsys.readouterr().out
