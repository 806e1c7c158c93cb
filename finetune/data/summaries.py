"""Restatements of a paper's sentences as JSON, from our own notes and lessons.

A target is the sentence made plainer by rules (no aside, no lead-in, "the paper" for "we"); the
summary's own check `is_supported` must accept it. Full texts of papers are not trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from random import Random

from corpus.lessons import load_lessons
from corpus.papers import Paper, load_papers
from finetune.data.rows import Recorder, Row
from finetune.data.split import held_out_papers
from tutor.ingest.cues import Field
from tutor.ingest.sentences import split_sentences
from tutor.restate import Writer
from tutor.summarize import (
    RESTATE_USER,
    TLDR_USER,
    RestatedPoint,
    Restatements,
    is_supported,
)

_ASIDE = re.compile(r"\s*\((?![^()]*\d)[^()]{3,80}\)|,\s(?:however|therefore|in turn|of course),")
_LEAD = re.compile(
    r"^(?:However|So|Thus|Therefore|Hence|But|And|Instead|Moreover|In addition|Also|Then"
    r"|For example|For instance|By contrast|In short|Although[^,]{5,60}|While[^,]{5,60}),\s+"
)
_TAIL = re.compile(r"(?:, (?:so that|because|since|although|which|while|as)|;) .+$")
_PLAINER = (
    (_LEAD, ""),
    (_ASIDE, ""),
    (re.compile(r"\b[Ww]e\b"), "the authors"),
    (_TAIL, "."),
)
_FIELDS: tuple[Field, ...] = ("problem", "method", "results", "limitations")


def summary_rows(topics: Iterable[str], seed: int = 0) -> Iterator[Row]:
    """Rows of the skills "restate" and "tldr"."""
    rng = Random(f"summaries:{seed}")
    for paper in load_papers().values():
        if paper.id not in held_out_papers():
            yield from _of_paper(paper, rng)
    for topic in topics:
        lesson = load_lessons().get(topic)
        for title, text in lesson.sections.items() if lesson else ():
            prose = re.sub(r"```.*?```|\$\$.*?\$\$|^\s*[-|#>].*$", "", text, flags=re.S | re.M)
            sentences = [s for s in split_sentences(prose) if 60 <= len(s) <= 300 and "$" not in s]
            for start in range(0, len(sentences), 2):
                shown = sentences[start : start + rng.choice((1, 2, 3))]
                field = rng.choice(_FIELDS)
                assert lesson is not None
                yield from _restated(shown, field, lesson.title, topic, f"lesson:{topic}#{title}")


def _of_paper(paper: Paper, rng: Random) -> Iterator[Row]:
    note = paper.note
    source, topic = f"arxiv:{paper.id}", paper.topics[0]
    for field, text in zip(
        _FIELDS, (note.problem, note.method, note.result, note.limit), strict=True
    ):
        sentences = split_sentences(text)
        yield from _restated(sentences, field, paper.title, topic, source)
        if len(sentences) > 1:
            rng.shuffle(sentences)
            yield from _restated(sentences[:2], field, paper.title, topic, source)
    for sentence in split_sentences(f"{note.method} {paper.why}"):
        yield from _restated([sentence], "", paper.title, topic, source)


def _restated(
    sentences: Sequence[str], field: Field | str, title: str, topic: str, source: str
) -> Iterator[Row]:
    """A row, if the tutor takes over every restatement."""
    points = [RestatedPoint(sentence=n, text=plainer(text)) for n, text in enumerate(sentences, 1)]
    if not points:
        return
    target = Restatements(points=points).model_dump_json()
    recorder = Recorder(target)
    # The writer is the summary's own way to the model; only its name is private.
    template = RESTATE_USER if field else TLDR_USER
    taken = Writer(recorder, title).restate(template, sentences, field)
    if len(taken) == len(sentences):
        skill = "restate" if field else "tldr"
        yield Row(skill, topic, source, recorder.asked[0][0], target)


def plainer(sentence: str) -> str:
    """The sentence in fewer words, as far as the summary's check lets it; else as it stands."""
    plain = " ".join(sentence.replace("**", "").split())
    for pattern, instead in _PLAINER:
        candidate = pattern.sub(instead, plain)
        candidate = candidate[:1].upper() + candidate[1:]
        if is_supported(candidate, sentence) and len(candidate) > 0.5 * len(sentence):
            plain = candidate
    return plain
