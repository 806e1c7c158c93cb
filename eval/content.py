"""Is the content sound? What a schema can't say, and what a lazy test-taker could exploit."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from statistics import median, quantiles

from corpus.check import ABSOLUTES, longest_key_share, problems
from corpus.exercises import ChoiceItem, TextItem, load_items
from corpus.lessons import load_lessons
from eval.coverage import Row, coverage
from eval.prose import grade, misspelled, texts
from eval.report import Context, Metric, TaskResult
from tutor.exercises.bank import bank_question
from tutor.exercises.grade import grade as grade_answer
from tutor.exercises.parametric import FAMILIES

DUPLICATE = 0.92  # cosine of two items' stem and key
CHANCE = 0.25
LONGEST = 0.30  # the most that a picker of the longest option, or of mild words, may get right
ONE_PLACE = 0.28


def run(context: Context) -> TaskResult:
    """Counts, problems, shortcuts that must not pay, prose, and how samples are ordered."""
    items = list(load_items().values())
    choices = [item for item in items if isinstance(item, ChoiceItem)]
    answered = [item for item in items if isinstance(item, TextItem)]
    if context.quick:
        answered = answered[::5]
    found = problems(set(range(1, 8)), run=not context.quick)
    rows = coverage()
    gaps = [f"{row.topic}: {gap}" for row in rows for gap in row.gaps]
    twins = _duplicates(context)
    read = texts()
    unknown = {place: words for place, text in read.items() if (words := misspelled(text))}
    levels = _reading_levels(read)
    details: list[dict[str, object]] = [{"problem": line} for line in found + gaps]
    details += [{"duplicate": pair} for pair in twins or ()]
    details += [{"place": place, "misspelled": words} for place, words in unknown.items()]
    details += [_detail(row, levels["lesson"][row.topic]) for row in rows]
    return TaskResult(
        "content",
        (
            Metric("lessons", float(len(load_lessons())), note=f"of {len(rows)} topics"),
            Metric("items", float(len(items))),
            Metric("parametric families", float(len(FAMILIES))),
            Metric("labs", float(sum(len(row.labs) for row in rows))),
            Metric("gaps in the coverage of topics", float(len(gaps)), must=0.0),
            Metric("problems found by corpus.check", float(len(found)), must=0.0),
            _picked("right by picking the longest option", longest_key_share(choices), LONGEST),
            _picked("right by picking one position", _one_place(choices), ONE_PLACE),
            _picked("right by avoiding absolute words", _mildest(choices), LONGEST),
            Metric(
                "near-duplicate items",
                None if twins is None else float(len(twins)),
                must=0.0,
                note=f"cosine of stem and key above {DUPLICATE}, in the whole bank",
            ),
            Metric(
                "texts with a misspelled word",
                float(len(unknown)),
                must=0.0,
                note=f"of {len(read)}: lessons, items, families, labs, notes, objectives",
            ),
            _level("lessons", levels["lesson"]),
            _level("items, by topic", levels["item"]),
            _level("notes on papers", levels["paper"]),
            Metric(
                "sample answers in the right order",
                _ordered(context, answered),
                "",
                must=1.0,
                note=f"full > partial > wrong and off-topic, {len(answered)} text items; each"
                " sample is its own anchor: task grading has the figure without",
            ),
        ),
        details=details,
    )


def _picked(name: str, share: float, at_most: float) -> Metric:
    return Metric(name, share, "", CHANCE, "chance", at_most=at_most)


def _one_place(choices: list[ChoiceItem]) -> float:
    """How often the best of the four positions holds the key, as learners see the options."""
    positions = Counter(bank_question(item.id, seed=7).key for item in choices)
    return max(positions.values()) / len(choices)


def _mildest(choices: list[ChoiceItem]) -> float:
    """How often a guess among the options without an absolute word is right."""
    hits = 0.0
    for item in choices:
        mild = [option for option in item.options if not ABSOLUTES.search(option.text)]
        left = mild or item.options
        hits += sum(option.correct for option in left) / len(left)
    return hits / len(choices)


def _reading_levels(read: dict[str, str]) -> dict[str, dict[str, float]]:
    """The grade of each lesson, of each topic's items together and of each note, by kind."""
    joined: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for place, text in read.items():
        kind, _, name = place.partition(" ")
        joined[kind][name.rsplit("-", 1)[0] if kind == "item" else name].append(text)
    return {
        kind: {name: grade("\n\n".join(parts)) for name, parts in groups.items()}
        for kind, groups in joined.items()
    }


def _level(what: str, levels: dict[str, float]) -> Metric:
    """The median reading level; outliers by Tukey's fences are named."""
    low, _, high = quantiles(levels.values(), n=4)
    reach = 1.5 * (high - low)
    ordered = sorted(levels, key=lambda name: levels[name])
    outside = [name for name in ordered if not low - reach <= levels[name] <= high + reach]
    named = ", ".join(f"{name} {levels[name]:.1f}" for name in outside) or "none"
    note = (
        f"Flesch-Kincaid grade, {levels[ordered[0]]:.1f} to {levels[ordered[-1]]:.1f}; "
        f"outliers: {named}"
    )
    return Metric(f"reading level of {what}, median", median(levels.values()), note=note)


def _detail(row: Row, reading_level: float) -> dict[str, object]:
    return {
        "topic": row.topic,
        "words": row.words,
        "items": row.choice + row.text + row.numeric,
        "families": list(row.families),
        "labs": list(row.labs),
        "reading level": round(reading_level, 1),
    }


def _duplicates(context: Context) -> list[str] | None:
    """Pairs of items whose stem and key say the same; None without an embedding model."""
    embedder = context.tutor.embedder_if_loaded
    if embedder is None:
        return None
    items = list(load_items().values())
    vectors = embedder.embed([f"{item.prompt} {_key(item)}" for item in items])
    close = vectors @ vectors.T > DUPLICATE
    return [
        f"{items[a].id} and {items[b].id}"
        for a in range(len(items))
        for b in range(a + 1, len(items))
        if close[a, b]
    ]


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
        scores = {
            sample.label: grade_answer(question, sample.text, embedder=embedder).score
            for sample in item.samples
        }
        ladder = [scores["full"], scores["partial"], max(scores["wrong"], scores["off-topic"])]
        right += all(above > below for above, below in pairwise(ladder))
    return right / len(texts)
