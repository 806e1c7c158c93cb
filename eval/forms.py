"""Are the two forms of a stage's test equally hard, and is the gain between them a gain?

Expected scores come from simulated learners: an item's difficulty is its author's rating plus a
spread of its own that nobody knows (docs/learner-model.md says what that can show). The baseline
draws both forms at random from the same items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from statistics import mean, pstdev

from corpus.roadmap import load_roadmap
from eval.report import Metric
from tutor.exercises.bank import bank_questions
from tutor.exercises.blueprint import Gain, stage_form
from tutor.exercises.question import Question

SEEDS, QUICK_SEEDS = 20, 3  # tests of each stage
GUESS = {"choice": 0.25, "numeric": 0.02}
SPREAD = 0.5  # of an item's true difficulty around its rating, in logits
KNOWS, KNOWS_NOT = 2.5, -2.5  # ability relative to the mean difficulty, in logits


def form_metrics(quick: bool) -> list[Metric]:
    """Difficulty of the two forms over stages and seeds, and the gain of simulated learners."""
    stages = [stage.n for stage in load_roadmap().stages]
    pairs = [
        (stage_form(stage, "pre", seed), stage_form(stage, "post", seed))
        for stage in stages
        for seed in range(QUICK_SEEDS if quick else SEEDS)
    ]
    pools = {stage: [q for q in bank_questions(stage=stage) if q.kind in GUESS] for stage in stages}
    random = []
    for place, (pre, _) in enumerate(pairs):
        drawn = Random(f"halves:{place}").sample(pools[pre[0].stage], 2 * len(pre))
        random.append((drawn[: len(pre)], drawn[len(pre) :]))
    note = f"{len(pairs)} tests over {len(stages)} stages"
    sizes = sorted(len(pre) for pre, _ in pairs)
    nothing, half = _gains(pairs, 0.0), _gains(pairs, 0.5)
    return [
        Metric(
            "difficulty of the form before studying",
            mean(_rating(pre) for pre, _ in pairs),
            "",
            mean(_rating(post) for _, post in pairs),
            "form after studying",
            note=f"{note} of {sizes[0]} to {sizes[-1]} questions; rated 1 to 5",
        ),
        Metric(
            "gap in expected score between the forms",
            _gap(pairs),
            "",
            _gap(random),
            "two random draws",
            note="mean over tests, of a learner who knows half; less is better",
        ),
        Metric(
            "gain reported where nothing was learnt",
            mean(nothing),
            "",
            0.0,
            "true gain",
            note=f"{len(nothing)} learners, standard deviation {pstdev(nothing):.2f}",
        ),
        Metric(
            "gain reported where half of what was open was learnt",
            mean(half),
            "",
            0.5,
            "true gain",
            note=f"{len(half)} learners, standard deviation {pstdev(half):.2f}",
        ),
    ]


def _rating(form: Sequence[Question]) -> float:
    return mean(question.difficulty for question in form)


def _chance(question: Question, ability: float) -> float:
    item = question.id.rsplit(":", 1)[0]
    level = (question.difficulty - 3) / 2 + Random(f"level:{item}").gauss(0, SPREAD)
    guess = GUESS[question.kind]
    return guess + (1 - guess) / (1 + math.exp(level - ability))


def _gap(pairs: Sequence[tuple[Sequence[Question], Sequence[Question]]]) -> float:
    def expected(form: Sequence[Question]) -> float:
        return mean((_chance(q, KNOWS) + _chance(q, KNOWS_NOT)) / 2 for q in form)

    return mean(abs(expected(pre) - expected(post)) for pre, post in pairs)


def _gains(
    pairs: Sequence[tuple[Sequence[Question], Sequence[Question]]], learns: float
) -> list[float]:
    """Reported gains of one learner a test, who knows three topics in ten before it."""
    found = []
    for place, (pre, post) in enumerate(pairs):
        rng = Random(f"gain:{place}")
        topics = sorted({question.topic for question in [*pre, *post]})
        before = {topic for topic in topics if rng.random() < 0.3}
        after = before | {t for t in topics if t not in before and rng.random() < learns}

        def score(form: Sequence[Question], known: set[str], rng: Random) -> float:
            chances = [_chance(q, KNOWS if q.topic in known else KNOWS_NOT) for q in form]
            return mean(float(rng.random() < chance) for chance in chances)

        gain = Gain(pre[0].stage, score(pre, before, rng), score(post, after, rng)).share
        if gain is not None:
            found.append(gain)
    return found
