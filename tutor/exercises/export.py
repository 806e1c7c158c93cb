"""Lessons and questions to take along: an Anki deck, Markdown, or JSON."""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from corpus.lessons import Lesson, load_lessons
from corpus.loading import CorpusError
from corpus.roadmap import load_roadmap
from tutor.errors import InputError, NotFoundError
from tutor.exercises.bank import bank_questions
from tutor.exercises.closed import letter
from tutor.exercises.question import Question

Format = Literal["anki", "markdown", "json"]

# Fixed, so that importing a newer export updates the cards instead of doubling them.
_MODEL_ID = 1_607_392_319
_DECK_ID = 2_059_400_110


def export_study(kind: Format, path: Path, stage: int | None = None) -> dict[str, int]:
    """Write lessons and questions to a file; an existing file is replaced as a whole.

    Args:
        stage: A stage's number; None takes all.

    Returns:
        The number of lessons and of questions written.

    Raises:
        InputError: The format is unknown or the file can't be written.
        NotFoundError: There is no such stage, or nothing in it.
    """
    if kind not in get_args(Format):
        raise InputError(
            f"There is no format '{kind}'.", f"Formats are {', '.join(get_args(Format))}."
        )
    questions = bank_questions(stage=stage)
    lessons = _lessons(stage)
    if not questions and not lessons:
        raise NotFoundError(f"Stage {stage} has nothing to export yet.", "Choose another stage.")
    writers: dict[str, Callable[[Path, list[Lesson], list[Question]], None]] = {
        "anki": _write_anki,
        "markdown": _write_markdown,
        "json": _write_json,
    }
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.")
        os.close(handle)
        try:
            writers[kind](Path(name), lessons, questions)
            # mkstemp makes private files; an export is like any other file of the user.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{path} can't be written: {error.strerror or error}.", "Choose another file."
        ) from error
    return {"lessons": len(lessons), "questions": len(questions)}


def _lessons(stage: int | None) -> list[Lesson]:
    roadmap = load_roadmap()
    try:
        lessons = load_lessons().values()
    except CorpusError as error:
        raise InputError(f"The corpus is malformed: {error}.", "Reinstall Tutor.") from error
    return [x for x in lessons if stage is None or roadmap.stage_of(x.topic) == stage]


def _answer(question: Question) -> str:
    if question.kind == "choice" and question.options and isinstance(question.key, int):
        return f"{letter(question.key)}. {question.options[question.key]}"
    if question.kind == "numeric":
        return f"{float(question.key or 0):.10g} {question.unit or ''}".strip()
    return str(question.key)


def _write_json(path: Path, lessons: list[Lesson], questions: list[Question]) -> None:
    data = {
        "lessons": [
            {"topic": x.topic, "title": x.title, "minutes": x.minutes, "sections": x.sections}
            for x in lessons
        ],
        "questions": [question.to_dict(with_key=True) for question in questions],
    }
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _write_markdown(path: Path, lessons: list[Lesson], questions: list[Question]) -> None:
    parts: list[str] = []
    by_topic: dict[str, list[Question]] = {}
    for question in questions:
        by_topic.setdefault(question.topic, []).append(question)
    texts = {lesson.topic: lesson for lesson in lessons}
    for topic in load_roadmap().topics():
        if topic.id not in texts and topic.id not in by_topic:
            continue
        parts.append(f"# {topic.title}")
        if topic.id in texts:
            parts.append(texts[topic.id].markdown)
        for number, question in enumerate(by_topic.get(topic.id, []), 1):
            parts.append(f"## Question {number}\n{question.prompt}")
            if question.options:
                shown = enumerate(question.options)
                parts.append("\n".join(f"- {letter(place)}. {text}" for place, text in shown))
            parts.append(f"**Answer:** {_answer(question)}\n\n{question.explanation}")
    path.write_text("\n\n".join(parts) + "\n", "utf-8")


def _write_anki(path: Path, lessons: list[Lesson], questions: list[Question]) -> None:
    import genanki

    model = genanki.Model(
        _MODEL_ID,
        "Tutor",
        fields=[{"name": "Question"}, {"name": "Answer"}],
        templates=[
            {
                "name": "Card",
                "qfmt": "{{Question}}",
                "afmt": '{{FrontSide}}<hr id="answer">{{Answer}}',
            }
        ],
    )
    roadmap = load_roadmap()
    decks = {
        stage.n: genanki.Deck(_DECK_ID + stage.n, f"Tutor::Stage {stage.n}")
        for stage in roadmap.stages
    }
    for lesson in lessons:
        stage = roadmap.stage_of(lesson.topic)
        front = f"In short: {lesson.title}?"
        source = _source({"doc_id": f"lesson:{lesson.topic}", "title": lesson.title})
        _add(
            decks[stage],
            model,
            f"lesson:{lesson.topic}",
            front,
            lesson.sections["In short"],
            source,
        )
    for question in questions:
        front = question.prompt
        if question.options:
            shown = enumerate(question.options)
            front += "\n\n" + "\n".join(f"{letter(place)}. {text}" for place, text in shown)
        # The item's id without its seed: a card stays the same card.
        name = question.id.rsplit(":", 1)[0]
        back = f"{_answer(question)}\n\n{question.explanation}"
        _add(decks[question.stage], model, name, front, back, _source(question.citation))
    genanki.Package([deck for deck in decks.values() if deck.notes]).write_to_file(str(path))


def _add(deck: object, model: object, name: str, front: str, back: str, source: str) -> None:
    import genanki

    fields = [_card(front), _card(back) + source]
    note = genanki.Note(model=model, fields=fields, guid=genanki.guid_for(name))
    deck.add_note(note)  # type: ignore[attr-defined]


def _source(citation: Mapping[str, Any] | None) -> str:
    """Where to read on, as HTML: a paper links to arXiv, a lesson is named."""
    if citation is None:
        return ""
    section = f" — {citation['section']}" if citation.get("section") else ""
    place = html.escape(f"{citation['title']}{section}", quote=False)
    kind, _, name = str(citation["doc_id"]).partition(":")
    if kind == "arxiv":
        place = f'<a href="https://arxiv.org/abs/{html.escape(name)}">{place}</a>'
    elif kind == "lesson":
        place = f"Tutor, lesson {place}"
    return f"<br><br><small>Source: {place}</small>"


def _card(text: str) -> str:
    """Markdown with $LaTeX$ as the HTML of a card."""
    text = html.escape(text, quote=False)
    text = re.sub(r"\$\$(.+?)\$\$", r"\\[\1\\]", text, flags=re.DOTALL)
    text = re.sub(r"(?<!\\)\$([^$\n]+?)\$", r"\\(\1\\)", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    return text.replace("\n", "<br>")
