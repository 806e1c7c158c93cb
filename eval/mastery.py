"""Does the learner model tell knowing from guessing, and does its next step save work?

Learners are simulated, with fixed seeds; docs/learner-model.md says what that can and can't show.
Their answers do not come from the model that is tested: each question has a difficulty of its own,
and a learner's chance to be right is logistic in ability less difficulty, on top of guessing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import mean, median

from corpus.exercises import ChoiceItem, load_items
from corpus.roadmap import Roadmap, load_roadmap
from eval.report import Context, Metric, TaskResult
from tutor.exercises.quiz import MAX_TRIES
from tutor.learner import schedule
from tutor.learner.mastery import MASTERED, Evidence, chance_right, prior, update
from tutor.learner.plan import next_step

LEARNERS = 300
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
# What somebody who knows nothing gets right: an option of four, hardly a number, some prose that
# the grader takes for right.
BLIND: Mapping[str, float] = {"choice": 0.25, "numeric": 0.02, "text": 0.1}
KNOWS, KNOWS_NOT = 2.5, -2.5  # ability relative to the mean difficulty, in logits


@dataclass(frozen=True)
class Asked:
    """A question as simulated learners see it.

    Attributes:
        longest: Whether the longest option is the right one.
    """

    id: str
    topic: str
    kind: str
    difficulty: float
    longest: bool = False


def run(context: Context) -> TaskResult:
    """Guessers, learners who know, calibration, forgetting and the choice of the next topic."""
    count = 60 if context.quick else LEARNERS
    bank = _bank()
    return TaskResult(
        "mastery",
        (
            *_false_mastery(bank, count),
            *_detection(bank, count),
            *_calibration(bank, count),
            *_forgetting(count),
            *_policies(20 if context.quick else 100),
        ),
    )


def _bank() -> dict[str, list[Asked]]:
    """The real items by topic; difficulties 1 to 5 become -1 to 1 with a spread of their own."""
    rng = Random("difficulty")
    found: dict[str, list[Asked]] = {}
    for item in load_items().values():
        longest = False
        if isinstance(item, ChoiceItem):
            sizes = [len(option.text) for option in item.options]
            longest = len(item.key.text) == max(sizes) and sizes.count(max(sizes)) == 1
        level = (item.difficulty - 3) / 2 + rng.gauss(0, 0.5)
        found.setdefault(item.topic, []).append(
            Asked(f"bank:{item.id}", item.topic, item.kind, level, longest)
        )
    return found


# --- answering ------------------------------------------------------------------------------------

Answerer = Callable[[Asked, Random], float]


def _chance(ability: float, question: Asked) -> float:
    known = 1 / (1 + math.exp(question.difficulty - ability))
    return BLIND[question.kind] + (1 - BLIND[question.kind]) * known


def knower(question: Asked, rng: Random) -> float:
    """Knows the topic; slips on hard questions."""
    return float(rng.random() < _chance(KNOWS, question))


def guesser(question: Asked, rng: Random) -> float:
    """Knows nothing."""
    return float(rng.random() < BLIND[question.kind])


def excluder(question: Asked, rng: Random) -> float:
    """Knows nothing, but can exclude one option of four."""
    return float(rng.random() < (1 / 3 if question.kind == "choice" else BLIND[question.kind]))


def longest_picker(question: Asked, rng: Random) -> float:
    """Picks the longest option of the real item."""
    return float(question.longest) if question.kind == "choice" else guesser(question, rng)


def _attempts(questions: Sequence[Asked], answer: Answerer, rng: Random) -> Iterator[Evidence]:
    """The log of one sitting as the quiz keeps it: a wrong answer is tried again at once."""
    for place, question in enumerate(questions):
        at = START + timedelta(minutes=2 * place)
        for attempt in range(MAX_TRIES):
            if attempt and question.kind == "choice":
                # One option less to choose from, whoever answers.
                score = float(rng.random() < 1 / 3) if answer is not knower else 1.0
            else:
                score = answer(question, rng)
            yield Evidence(question.topic, question.kind, score, 1.0, question.id, at)
            if score == 1.0:
                break


def _reached(log: Sequence[Evidence], start: float = prior([])) -> int | None:
    """After how many questions the estimate first says mastered; None if it never does."""
    answered: list[str] = []
    estimate = start
    for entry in log:
        if entry.item in answered:
            continue  # as trace does within a sitting
        answered.append(entry.item)
        estimate = update(estimate, entry.kind, entry.score, entry.confidence)
        if estimate >= MASTERED:
            return len(answered)
    return None


def _sittings(
    bank: Mapping[str, Sequence[Asked]], answer: Answerer, count: int, kind: str | None, name: str
) -> Iterator[tuple[list[Evidence], Random]]:
    """Every learner goes through all questions of a topic, topic by topic."""
    for number in range(count):
        rng = Random(f"{name}:{number}")
        for questions in bank.values():
            chosen = [q for q in questions if kind is None or q.kind == kind]
            rng.shuffle(chosen)
            yield list(_attempts(chosen, answer, rng)), rng


# --- figures --------------------------------------------------------------------------------------


def _false_mastery(bank: Mapping[str, Sequence[Asked]], count: int) -> list[Metric]:
    """The share of topics on which somebody who knows nothing is ever called a master."""
    metrics = []
    worst = 0.0
    known = prior([0.99])  # they do know what comes before
    for name, answer, kind, start in (
        ("guessers, all kinds", guesser, None, prior([])),
        ("guessers, multiple choice alone", guesser, "choice", prior([])),
        ("guessers who know what comes before", guesser, "choice", known),
        ("longest-option pickers", longest_picker, "choice", prior([])),
    ):
        share, three = _share(bank, answer, kind, start, count // 6, name)
        worst = max(worst, share)
        note = f"{count // 6} learners on {len(bank)} topics"
        metrics.append(
            Metric(f"false mastery, {name}", share, "", three, "three right in a row", note=note)
        )
    share, three = _share(bank, excluder, "choice", prior([]), count // 6, "excluder")
    metrics.append(
        Metric("false mastery, excluding one option", share, "", three, "three right in a row")
    )
    over = float(worst > 0.01)
    note = "1 if any of the four above exceeds one in a hundred"
    return [*metrics, Metric("guessers taken for masters too often", over, must=0.0, note=note)]


def _share(
    bank: Mapping[str, Sequence[Asked]],
    answer: Answerer,
    kind: str | None,
    start: float,
    count: int,
    name: str,
) -> tuple[float, float]:
    hits, streaks, total = 0, 0, 0
    for log, _ in _sittings(bank, answer, count, kind, name):
        total += 1
        hits += _reached(log, start) is not None
        firsts = {entry.item: entry.score for entry in reversed(log)}
        streaks += "111" in "".join(str(int(score)) for score in firsts.values())
    return hits / total, streaks / total


def _detection(bank: Mapping[str, Sequence[Asked]], count: int) -> list[Metric]:
    """How many questions it takes to recognise somebody who knows."""
    metrics = []
    for name, kind in (("all kinds", None), ("multiple choice alone", "choice")):
        steps, total = [], 0
        for log, _ in _sittings(bank, knower, count // 6, kind, f"knower:{name}"):
            total += 1
            found = _reached(log)
            if found is not None:
                steps.append(found)
        metrics += [
            Metric(f"questions until mastery is seen, {name}", float(median(steps)), note="median"),
            Metric(f"mastery never seen within a topic's items, {name}", 1 - len(steps) / total),
        ]
    return metrics


def _calibration(bank: Mapping[str, Sequence[Asked]], count: int) -> list[Metric]:
    """Is the chance to be right, as predicted before each answer, borne out?

    Learners have abilities of all sizes, some learn on the way; base rate and kind are known to
    the baseline.
    """
    pairs: list[tuple[float, float, str]] = []
    for number in range(count):
        rng = Random(f"calibration:{number}")
        topic = rng.choice(list(bank))
        ability, gain = rng.gauss(0, 2.0), rng.choice((0.0, 0.0, 0.2))
        estimate = prior([])
        for question in rng.sample(bank[topic], len(bank[topic])):
            score = float(rng.random() < _chance(ability, question))
            pairs.append((chance_right(estimate, question.kind), score, question.kind))
            estimate = update(estimate, question.kind, score)
            ability += gain
    rates = {kind: mean(s for _, s, k in pairs if k == kind) for kind in BLIND}
    return [
        Metric(
            "Brier score of predicted success",
            mean((p - s) ** 2 for p, s, _ in pairs),
            "",
            mean((rates[k] - s) ** 2 for _, s, k in pairs),
            "base rate of the kind",
            note=f"{len(pairs)} answers; lower is better",
        ),
        Metric("calibration error of predicted success", _ece([(p, s) for p, s, _ in pairs])),
    ]


def _ece(pairs: Sequence[tuple[float, float]], bins: int = 10) -> float:
    """Expected calibration error: mean gap of prediction and outcome over equal-width bins."""
    error = 0.0
    for place in range(bins):
        held = [(p, s) for p, s in pairs if min(bins - 1, int(p * bins)) == place]
        if held:
            gap = abs(mean(p for p, _ in held) - mean(s for _, s in held))
            error += gap * len(held) / len(pairs)
    return error


def _forgetting(count: int) -> list[Metric]:
    """Recall over a year of learners who forget, by when they review.

    Memory decays by a power law (Wixted and Carpenter, "The Wickelgren power law and the Ebbinghaus
    savings function", 2007) with a strength of each learner's own; a successful review makes it
    stronger the longer it has waited. FSRS knows neither the law's numbers nor the strength.
    """
    figures: dict[str, tuple[list[float], list[int]]] = {}
    for name, wait in (("FSRS", None), ("every 30 days", 30), ("never", 10_000)):
        recalls, reviews = figures.setdefault(name, ([], []))
        for number in range(max(20, count // 6)):
            recalled, reviewed = _year(Random(f"forgetter:{number}"), wait)
            recalls.append(recalled)
            reviews.append(reviewed)
    values = {name: mean(recalls) for name, (recalls, _) in figures.items()}
    times = {name: mean(reviews) for name, (_, reviews) in figures.items()}
    return [
        Metric(
            f"recall over a year, {name}",
            values[name],
            "",
            values["never"],
            "no review",
            note=f"{times[name]:.1f} reviews a topic",
        )
        for name in ("FSRS", "every 30 days")
    ]


def _year(rng: Random, every: int | None) -> tuple[float, int]:
    strength, last = rng.lognormvariate(1.5, 0.7), 0  # days
    log = [schedule.Recall("topic", 1.0, START)]
    due, recalled, reviews = _due(log, every), 0.0, 0
    for day in range(1, 366):
        chance = (1 + (day - last) / (9 * strength)) ** -1.0
        recalled += chance
        if day < due:
            continue
        reviews += 1
        right = rng.random() < chance
        waited = day - last
        strength = strength + 2.5 * waited * chance if right else max(1.0, strength * 0.4)
        last = day
        log.append(schedule.Recall("topic", float(right), START + timedelta(days=day)))
        due = _due(log, every)
    return recalled / 365, reviews


def _due(log: Sequence[schedule.Recall], every: int | None) -> int:
    last = (log[-1].at - START).days
    if every is not None:
        return last + every
    [review] = schedule.schedule(log, log[-1].at)
    return max(last + 1, (review.due - START).days)


# --- the next topic -------------------------------------------------------------------------------


def _policies(count: int) -> list[Metric]:
    """Answers that it takes until all of stages 1 to 3 is known, by who chooses the next topic."""
    roadmap = load_roadmap()
    part = roadmap.model_copy(update={"stages": roadmap.stages[:3]})
    answers = {
        name: [_study(part, name, Random(f"study:{number}")) for number in range(count)]
        for name in ("next step", "fixed order", "in order until mastered", "random")
    }
    note = f"median of {count} learners; all topics of stages 1 to 3 truly known"
    mine = float(median(answers["next step"]))
    return [
        Metric("answers to know three stages", mine, "", float(median(values)), name, note=note)
        for name, values in answers.items()
        if name != "next step"
    ]


def _study(roadmap: Roadmap, policy: str, rng: Random, limit: int = 5000) -> int:
    """One learner's way: each step a topic is read and two questions on it are answered.

    Reading teaches a topic with a chance of .35 where all that comes before is known, and of .08
    where it is not. A third of the topics is known beforehand.
    """
    topics = list(roadmap.topics())
    needs = {topic.id: topic.prerequisites for topic in topics}
    known: set[str] = set()
    for topic in topics:
        if rng.random() < 1 / 3 and known.issuperset(topic.prerequisites):
            known.add(topic.id)
    mastery: dict[str, float | None] = dict.fromkeys(needs)
    answers = 0
    while len(known) < len(topics) and answers < limit:
        chosen = _choose(roadmap, policy, mastery, rng, answers)
        if chosen is None:  # the model thinks that all is known: it goes on to revise
            chosen = rng.choice(topics).id
        if chosen not in known:
            chance = 0.35 if known.issuperset(needs[chosen]) else 0.08
            if rng.random() < chance:
                known.add(chosen)
        for _ in range(2):
            kind = rng.choice(("choice", "choice", "numeric", "text"))
            right = rng.random() < (0.9 if chosen in known else BLIND[kind])
            before = mastery[chosen]
            if before is None:
                before = prior([mastery[name] for name in needs[chosen]])
            mastery[chosen] = update(before, kind, float(right))
            answers += 1
    return answers


def _choose(
    roadmap: Roadmap,
    policy: str,
    mastery: Mapping[str, float | None],
    rng: Random,
    answers: int,
) -> str | None:
    if policy == "next step":
        return next_step(roadmap, mastery, [], START).topic
    ids = list(mastery)
    if policy == "fixed order":  # a course: three visits to each topic, then from the start again
        return ids[(answers // 6) % len(ids)]
    open_ = [name for name in ids if (mastery[name] or 0.0) < MASTERED]
    if not open_:
        return None
    return open_[0] if policy == "in order until mastered" else rng.choice(open_)
