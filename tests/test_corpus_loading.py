"""The corpus' loaders: malformed files are refused, and the message names file and place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from corpus import exercises, lessons, papers, roadmap
from corpus.exercises import ChoiceItem, NumericItem, TextItem
from corpus.lessons import SECTIONS, parse_lesson
from corpus.loading import CorpusError, load_yaml
from corpus.roadmap import load_roadmap

CHOICE: dict[str, Any] = {
    "id": "self-attention-c01", "kind": "choice", "objective": 0, "difficulty": 2,
    "prompt": "What is divided?", "explanation": "E", "source": "lesson:self-attention#The idea",
    "options": [{"text": "scores", "correct": True}]
    + [{"text": t, "why": "no"} for t in ("keys", "values", "queries")],
}  # fmt: skip
NUMERIC: dict[str, Any] = {
    "id": "self-attention-n01", "kind": "numeric", "objective": 0, "difficulty": 2,
    "prompt": "How many scores?", "explanation": "E", "source": "arxiv:1706.03762",
    "answer": 16, "tolerance": 0, "unit": None, "check": "4 * 4",
}  # fmt: skip
TEXT: dict[str, Any] = {
    "id": "self-attention-t01", "kind": "text", "objective": 0, "difficulty": 2,
    "prompt": "Why divide the scores?", "explanation": "E", "source": "lesson:self-attention",
    "reference": "R", "rubric": ["a", "b"],
    "samples": [{"label": label, "score": score, "text": "t"} for label, score in
                (("full", 1), ("partial", 0.5), ("wrong", 0), ("off-topic", 0))],
}  # fmt: skip
PAPER: dict[str, Any] = {
    "id": "1706.03762", "version": 7, "title": "T", "authors": ["A"], "year": 2017, "venue": "V",
    "licence": None, "topics": ["self-attention"], "why": "W",
    "note": {"problem": "p", "method": "m", "result": "r", "limit": "l"},
}  # fmt: skip
LESSON = "---\nid: self-attention\nminutes: 9\npapers: []\n---\n## In short\nText.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty corpus beside the real roadmap."""
    load_roadmap()
    for module in (exercises, lessons, papers, roadmap):
        monkeypatch.setattr(module, "CORPUS_DIR", tmp_path)
    return tmp_path


def items(folder: Path, *entries: Any, text: str | None = None) -> dict[str, Any]:
    stage = load_roadmap().stage_of("self-attention")
    path = folder / "exercises" / f"stage-{stage}" / "self-attention.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(list(entries)) if text is None else text, "utf-8")
    return exercises.load_items.__wrapped__()


def known_papers(folder: Path, *entries: Any, text: str | None = None) -> dict[str, Any]:
    content = yaml.safe_dump(list(entries)) if text is None else text
    (folder / "papers.yaml").write_text(content, "utf-8")
    return papers.load_papers.__wrapped__()


def known_lessons(folder: Path, content: bytes, name: str = "self-attention") -> dict[str, Any]:
    path = folder / "lessons" / f"stage-{load_roadmap().stage_of('self-attention')}" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return lessons.load_lessons.__wrapped__()


def test_sound_items_are_read(folder: Path) -> None:
    found = items(folder, CHOICE, NUMERIC, TEXT)
    assert [type(x) for x in found.values()] == [ChoiceItem, NumericItem, TextItem]
    assert found["self-attention-c01"].key.text == "scores"
    assert {x.topic for x in found.values()} == {"self-attention"}


@pytest.mark.parametrize(
    ("entry", "change", "said"),
    [
        (CHOICE, {"difficulty": 6}, "difficulty"),
        (CHOICE, {"prompt": "short"}, "prompt"),
        (CHOICE, {"source": "http://x"}, "source"),
        (CHOICE, {"id": "Self Attention"}, "id"),
        (CHOICE, {"id": "rlhf-c01"}, "topic or objective does not exist"),
        (CHOICE, {"objective": 99}, "topic or objective does not exist"),
        (CHOICE, {"kind": "song"}, "song"),
        (CHOICE, {"extra": 1}, "extra"),
        (CHOICE, {"options": CHOICE["options"][:3]}, "options"),
        (CHOICE, {"options": [{"text": str(n), "why": "w"} for n in range(4)]}, "exactly one"),
        (CHOICE, {"options": [*CHOICE["options"][:3], {"text": "x"}]}, "why"),
        (CHOICE, {"options": [*CHOICE["options"][:3], {"text": "KEYS ", "why": "w"}]}, "repeat"),
        (NUMERIC, {"answer": "many"}, "answer"),
        (NUMERIC, {"tolerance": -1}, "tolerance"),
        (TEXT, {"rubric": ["one"]}, "rubric"),
        (TEXT, {"samples": []}, "samples"),
    ],
)
def test_malformed_item_is_named(
    folder: Path, entry: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(CorpusError) as caught:
        items(folder, {**entry, **change})
    message = str(caught.value)
    assert message.startswith("self-attention.yaml ") and said in message, message
    assert (entry | change)["id"] in message, "the message does not name the item"


def test_item_that_stands_there_twice_is_named(folder: Path) -> None:
    with pytest.raises(CorpusError, match="self-attention-c01 stands there twice"):
        items(folder, CHOICE, CHOICE)


def test_item_that_is_no_mapping_is_refused(folder: Path) -> None:
    with pytest.raises(CorpusError, match="self-attention.yaml"):
        items(folder, "just a text")


def test_sound_paper_is_read(folder: Path) -> None:
    assert known_papers(folder, PAPER)["1706.03762"].note.text == "p m r l"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"id": "1"}, "id"), ({"year": 1066}, "year"), ({"authors": []}, "authors"),
     ({"topics": []}, "topics"), ({"note": {}}, "note.problem"), ({"extra": 1}, "extra")],
)  # fmt: skip
def test_malformed_paper_is_named(folder: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(CorpusError) as caught:
        known_papers(folder, {**PAPER, **change})
    message = str(caught.value)
    assert message.startswith("papers.yaml ") and f"'{said}" in message, message
    assert (PAPER | change)["id"] in message


def test_paper_that_stands_there_twice_is_named(folder: Path) -> None:
    with pytest.raises(CorpusError, match="1706.03762 stands there twice"):
        known_papers(folder, PAPER, PAPER)


@pytest.mark.parametrize("load", [items, known_papers])
@pytest.mark.parametrize("text", ["a: [", "\t- x", "- {a: b: c}", "- *nowhere"])
def test_text_that_is_no_yaml_is_refused(folder: Path, load: Callable[..., Any], text: str) -> None:
    with pytest.raises(CorpusError, match=r"(papers|self-attention)\.yaml: "):
        load(folder, text=text)


@pytest.mark.parametrize("load", [items, known_papers])
@pytest.mark.parametrize("text", ["", "3", "null"])
def test_yaml_that_is_no_list_is_refused(folder: Path, load: Callable[..., Any], text: str) -> None:
    with pytest.raises(CorpusError, match=r"\.yaml"):
        load(folder, text=text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="gone.yaml"):
        load_yaml(tmp_path / "gone.yaml")


def test_yaml_never_makes_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(CorpusError, match="a.yaml"):
        load_yaml(path)


# --- lessons ----------------------------------------------------------------------------------


def test_sound_lesson_is_read(folder: Path) -> None:
    [lesson] = known_lessons(folder, LESSON.encode()).values()
    assert lesson.sections == {"In short": "Text."} and lesson.minutes == 9
    assert lesson.markdown == "## In short\nText."


def test_heading_inside_a_section_is_no_section() -> None:
    lesson = parse_lesson(LESSON + "### Deeper\nMore.\n", "a.md")
    assert lesson.sections == {"In short": "Text.\n### Deeper\nMore."}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "no front matter"),
        (LESSON.replace("minutes: 9", "minutes: [9"), "front matter"),
        (LESSON.replace("minutes: 9", "minutes: 0"), "minutes"),
        (LESSON.replace("minutes: 9\n", ""), "minutes"),
        (LESSON.replace("papers: []", "papers: []\nextra: 1"), "extra"),
        (LESSON.replace("id: self-attention\nminutes: 9\npapers: []", "- a list"), "at ''"),
        (LESSON + "## My own\nx", "My own"),
        (LESSON.replace("In short", SECTIONS[1]), "'In short' is missing"),
    ],
)
def test_malformed_lesson_is_named(text: str, said: str) -> None:
    with pytest.raises(CorpusError) as caught:
        parse_lesson(text, "a.md")
    assert str(caught.value).startswith("a.md") and said in str(caught.value)


@pytest.mark.parametrize("name", ["other-name", "rlhf"])
def test_lesson_under_another_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(CorpusError, match=f"{name}.md"):
        known_lessons(folder, LESSON.encode(), name)


def test_lesson_in_the_wrong_stage_is_refused(folder: Path) -> None:
    path = folder / "lessons" / "stage-7" / "self-attention.md"
    path.parent.mkdir(parents=True)
    path.write_text(LESSON)
    with pytest.raises(CorpusError, match="wrong stage"):
        lessons.load_lessons.__wrapped__()


def test_lesson_that_is_no_utf8_is_refused(folder: Path) -> None:
    with pytest.raises(CorpusError, match="self-attention.md"):
        known_lessons(folder, LESSON.encode() + b"\xff")


# --- roadmap ----------------------------------------------------------------------------------


def a_roadmap(*topics: dict[str, Any]) -> dict[str, Any]:
    modules = [{"id": "1.1", "title": "M", "topics": list(topics)}]
    return {"title": "R", "stages": [{"n": 1, "title": "S", "modules": modules}], "resources": []}


def a_topic(name: str, *prerequisites: str) -> dict[str, Any]:
    return {"id": name, "title": "T", "prerequisites": list(prerequisites), "objectives": ["O"]}


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        ([a_topic("a"), a_topic("a")], "repeat"),
        ([a_topic("a", "b")], "unknown prerequisites"),
        ([a_topic("a", "b"), a_topic("b", "a")], "cycle"),
        ([a_topic("a", "a")], "cycle"),
        ([a_topic("Bad Id")], "stages.0.modules.0.topics.0.id"),
        ([{**a_topic("a"), "objectives": []}], "objectives"),
    ],
)
def test_malformed_roadmap_is_named(folder: Path, topics: list[Any], said: str) -> None:
    (folder / "roadmap.yaml").write_text(yaml.safe_dump(a_roadmap(*topics)))
    with pytest.raises(CorpusError) as caught:
        roadmap.load_roadmap.__wrapped__()
    assert str(caught.value).startswith("roadmap.yaml") and said in str(caught.value)


def test_roadmap_finds_topics_and_their_stages() -> None:
    known = load_roadmap()
    for stage in known.stages:
        for topic in stage.topics:
            assert known.topic(topic.id) is topic and known.stage_of(topic.id) == stage.n
    for find in (known.topic, known.stage_of):
        with pytest.raises(KeyError):
            find("no-such-topic")
