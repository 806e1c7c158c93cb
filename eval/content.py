"""Is the content sound? What a schema can't say, and what a lazy test-taker could exploit."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from corpus.check import ABSOLUTES, longest_key_share, problems
from corpus.exercises import ChoiceItem, TextItem, load_items
from corpus.lessons import load_lessons
from corpus.roadmap import load_roadmap
from eval.report import Context, Metric, TaskResult
from tutor.exercises.bank import bank_question
from tutor.exercises.grade import grade
from tutor.exercises.parametric import families

DUPLICATE = 0.92  # cosine of two items' stem and key


def run(context: Context) -> TaskResult:
    """Counts, problems, shortcuts that must not pay, and how the grader orders sample answers."""
    items = list(load_items().values())
    chance = 0.25
    choices = [item for item in items if isinstance(item, ChoiceItem)]
    texts = [item for item in items if isinstance(item, TextItem)]
    found = problems(set(range(1, 8)), run=not context.quick)
    positions = Counter(bank_question(item.id, seed=7).key for item in choices)
    one_place = max(positions.values()) / len(choices)
    unlike_absolute = [
        [option for option in item.options if not ABSOLUTES.search(option.text)] or item.options
        for item in choices
    ]
    absolute = sum(
        sum(option.correct for option in left) / len(left) for left in unlike_absolute
    ) / len(choices)
    by_topic = Counter(family.topic for family in families().values())
    details: list[dict[str, object]] = [{"problem": line} for line in found]
    details += [
        {
            "topic": topic.id,
            "lesson": topic.id in load_lessons(),
            "items": sum(item.topic == topic.id for item in items),
            "parametric": by_topic[topic.id],
        }
        for topic in load_roadmap().topics()
    ]
    return TaskResult(
        "content",
        (
            Metric("lessons", float(len(load_lessons())), note="of 57 topics"),
            Metric("items", float(len(items))),
            Metric("parametric families", float(len(families()))),
            Metric("problems found by corpus.check", float(len(found)), must=0.0),
            Metric(
                "right by picking the longest option",
                longest_key_share(choices),
                "",
                chance,
                "chance",
            ),
            Metric(
                "right by picking one position",
                one_place,
                "",
                chance,
                "chance",
                note="the best of four",
            ),
            Metric("right by avoiding absolute words", absolute, "", chance, "chance"),
            Metric("near-duplicate items", _duplicates(context)),
            Metric(
                "sample answers in the right order",
                _ordered(context, texts),
                "",
                note=f"full > partial > wrong and off-topic, {len(texts)} text items",
            ),
        ),
        details=details,
    )


def _duplicates(context: Context) -> float | None:
    """Pairs of items of one topic whose stem and key say the same."""
    embedder = context.tutor.embedder_if_loaded
    if embedder is None:
        return None
    count = 0
    for topic in load_roadmap().topics():
        items = [item for item in load_items().values() if item.topic == topic.id]
        said = [f"{item.prompt} {_key(item)}" for item in items]
        vectors = embedder.embed(said)
        cosine = vectors @ vectors.T
        count += int(((cosine > DUPLICATE).sum() - len(items)) // 2)
    return float(count)


def _key(item: object) -> str:
    if isinstance(item, ChoiceItem):
        return item.key.text
    return item.reference if isinstance(item, TextItem) else str(getattr(item, "answer", ""))


def _ordered(context: Context, texts: list[TextItem]) -> float:
    """Share of text items whose sample answers the grader puts into the human order."""
    embedder = context.tutor.embedder_if_loaded
    right = 0
    for item in texts:
        question = bank_question(item.id)
        scores = {s.label: grade(question, s.text, embedder=embedder).score for s in item.samples}
        ladder = [scores["full"], scores["partial"], max(scores["wrong"], scores["off-topic"])]
        right += all(above > below for above, below in pairwise(ladder))
    return right / len(texts)
