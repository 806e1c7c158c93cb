"""Mastery, reviews and the plan: pure functions of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.roadmap import load_roadmap
from tutor.learner.mastery import (
    GUESS,
    MASTERED,
    READY,
    WEAK,
    Evidence,
    chance_right,
    prior,
    trace,
    trace_objectives,
    update,
)
from tutor.learner.plan import (
    gap,
    missing_prerequisites,
    next_step,
    progress_rows,
    vouched,
)
from tutor.learner.schedule import Recall, Review, due, schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRAPH = {"a": (), "b": ("a",), "c": ("a", "b")}
kinds = st.sampled_from(sorted(GUESS))
shares = st.floats(0, 1)


@given(shares, kinds, shares)
def test_right_never_lowers_and_wrong_never_raises(estimate: float, kind: str, conf: float) -> None:
    start = min(0.99, max(0.01, estimate))
    assert update(start, kind, 1.0, conf) >= start - 1e-12
    assert update(start, kind, 0.0, conf) <= start + 1e-12


@given(shares, kinds, shares, shares, shares)
def test_estimate_stays_within_bounds_and_grows_with_score(
    estimate: float, kind: str, one: float, other: float, conf: float
) -> None:
    low, high = sorted(update(estimate, kind, s, conf) for s in (one, other))
    assert 0.01 <= low <= high <= 0.99
    assert update(estimate, kind, min(one, other), conf) == pytest.approx(low)


def test_hand_computed_update() -> None:
    # P(L|right) = .3*.9/(.3*.9 + .7*.3) = .5625; then + .4375*.02
    assert update(0.3, "choice", 1.0) == pytest.approx(0.57125, abs=1e-4)
    # P(L|wrong) = .3*.1/(.3*.1 + .7*.7) = .0577
    assert update(0.3, "choice", 0.0) == pytest.approx(0.05769, abs=1e-4)


def test_chance_to_be_right_lies_between_guess_and_slip() -> None:
    assert chance_right(0.0, "choice") == GUESS["choice"]
    assert chance_right(1.0, "numeric") == pytest.approx(0.9)


def test_one_right_answer_is_no_failure() -> None:
    for kind in GUESS:
        assert update(prior([]), kind, 1.0) > WEAK > update(prior([]), kind, 0.0)


def test_answers_that_were_told_do_not_count() -> None:
    def asked(hours: float, item: str = "bank:a-c01", kind: str = "choice") -> Evidence:
        return Evidence("a", kind, 1.0, 1.0, item, NOW + timedelta(hours=hours))

    once = trace([asked(0)], GRAPH)
    assert trace([asked(0), asked(0.1), asked(19)], GRAPH) == once
    for more in (asked(25), asked(0.1, "bank:a-c02"), asked(0.1, "")):
        assert trace([asked(0), more], GRAPH)["a"] != once["a"]
    labs = [asked(0, "lab:x", "code"), asked(0.1, "lab:x", "code")]
    assert trace(labs, GRAPH) != trace(labs[:1], GRAPH)


def test_a_guessable_kind_says_less() -> None:
    assert update(0.3, "numeric", 1.0) > update(0.3, "choice", 1.0)


def test_doubtful_grades_move_less() -> None:
    assert 0.3 < update(0.3, "text", 1.0, 0.3) < update(0.3, "text", 1.0, 1.0)
    assert update(0.3, "text", 1.0, 0.0) == 0.3


def test_trace_keeps_unpractised_topics_open_and_passes_unknown_ones() -> None:
    result = trace([Evidence("a", "choice", 1.0), Evidence("gone", "choice", 1.0)], GRAPH)
    assert result["a"] is not None and result["b"] is None and set(result) == set(GRAPH)


def test_prior_leans_on_prerequisites() -> None:
    strong = trace([Evidence("a", "numeric", 1.0)] * 4 + [Evidence("b", "choice", 1.0)], GRAPH)
    weak = trace([Evidence("a", "numeric", 0.0)] * 4 + [Evidence("b", "choice", 1.0)], GRAPH)
    assert strong["b"] is not None and weak["b"] is not None and strong["b"] > weak["b"]
    assert prior([None, 0.9]) > prior([None]) == prior([])


def test_five_right_answers_master_a_topic() -> None:
    result = trace([Evidence("a", "choice", 1.0)] * 5, GRAPH)
    assert result["a"] is not None and result["a"] > MASTERED


def test_right_answers_space_reviews_out() -> None:
    log = [Recall("a", 1.0, NOW)]
    gaps = []
    for _ in range(4):
        [review] = schedule(log, log[-1].at + timedelta(minutes=1))
        gaps.append(review.due - log[-1].at)
        log.append(Recall("a", 1.0, review.due))
    assert gaps == sorted(gaps) and gaps[0] >= timedelta(days=1) and gaps[-1] > 3 * gaps[0]


def test_a_wrong_answer_brings_the_review_forward() -> None:
    good = schedule([Recall("a", 1.0, NOW)], NOW)[0]
    bad = schedule([Recall("a", 0.0, NOW)], NOW)[0]
    assert bad.due < good.due and bad.stability < good.stability


def test_due_is_what_has_come_due() -> None:
    log = [Recall("a", 1.0, NOW), Recall("b", 0.0, NOW)]
    assert due(log, NOW) == []
    later = due(log, NOW + timedelta(days=400))
    assert [review.topic for review in later] == ["b", "a"]
    assert 0 < later[0].retrievability < 1
    assert set(later[0].to_dict()) == {"topic", "due", "stability_days", "retrievability"}


def test_schedule_takes_any_order_and_ignores_the_future() -> None:
    log = [Recall("a", 1.0, NOW + timedelta(days=d)) for d in (0, 5, 20)]
    assert schedule(log, NOW + timedelta(days=21)) == schedule(log[::-1], NOW + timedelta(days=21))
    assert schedule(log, NOW + timedelta(days=1)) == schedule(log[:1], NOW + timedelta(days=1))
    assert schedule(log, NOW - timedelta(days=1)) == []


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        schedule([Recall("a", 1.0, datetime(2026, 1, 1))], NOW)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1000)), max_size=12))
def test_schedule_holds_for_any_log(entries: list[tuple[float, int]]) -> None:
    log = [Recall("a", score, NOW + timedelta(hours=h)) for score, h in entries]
    for review in schedule(log, NOW + timedelta(hours=2000)):
        assert review.due > max(entry.at for entry in log)
        assert review.stability > 0 and 0 <= review.retrievability <= 1


ROADMAP = load_roadmap()


def test_newcomer_starts_with_the_first_topic() -> None:
    step = next_step(ROADMAP, {}, [], NOW)
    first = next(ROADMAP.topics())
    assert (step.topic, step.kind, step.blocked_by) == (first.id, "learn", ())
    assert step.why and set(step.to_dict()) >= {"topic", "why", "kind", "blocked_by"}


def test_failure_is_traced_to_the_deepest_missing_prerequisite() -> None:
    mastery = {"math-for-ml": 0.9, "transformer-architecture": 0.9, "self-attention": 0.2}
    alone = next_step(ROADMAP, mastery, [], NOW)
    assert alone.topic == "self-attention" and alone.blocked_by == ()
    del mastery["transformer-architecture"]
    step = next_step(ROADMAP, mastery, [], NOW)
    assert step.goal == "self-attention" and step.topic == step.blocked_by[0]
    missing = missing_prerequisites(ROADMAP, mastery, "self-attention")
    assert "transformer-architecture" in missing and step.topic == missing[0]
    assert all(
        p not in missing or missing.index(p) < missing.index(t)
        for t in missing
        for p in ROADMAP.topic(t).prerequisites
    )
    assert "Self-Attention" in step.why


def test_failure_is_blamed_on_the_weak_prerequisite_and_its_objective() -> None:
    known = {t.id: 0.97 for t in ROADMAP.topics() if t.id not in {"rlhf", "math-for-ml"}}
    below = ROADMAP.topic("math-for-ml")
    both = known | {"rlhf": 0.1, "math-for-ml": 0.12}
    objectives = {("math-for-ml", 0): 0.7, ("math-for-ml", 2): 0.1, ("rlhf", 1): 0.05}
    step = next_step(ROADMAP, both, [], NOW, objectives)
    assert (step.topic, step.goal, step.blocked_by) == ("math-for-ml", "rlhf", ("math-for-ml",))
    assert f"“{ROADMAP.topic('rlhf').title}” went wrong" in step.why
    assert f"builds on “{below.title}”, which is weak" in step.why
    assert below.objectives[2] in step.why and below.objectives[0] not in step.why
    shaky = next_step(ROADMAP, known | {"rlhf": 0.1, "math-for-ml": 0.4}, [], NOW, objectives)
    assert shaky.topic == "math-for-ml" and "is not firm yet" in shaky.why
    alone = next_step(ROADMAP, known | {"rlhf": 0.1, "math-for-ml": 0.97}, [], NOW, objectives)
    assert (alone.topic, alone.goal) == ("rlhf", None)
    assert ROADMAP.topic("rlhf").objectives[1] in alone.why


def test_what_was_tried_is_blamed_before_what_was_never_looked_at() -> None:
    step = next_step(ROADMAP, {"rlhf": 0.1, "gpt-architecture": 0.3}, [], NOW)
    assert step.topic == step.blocked_by[0] == "gpt-architecture" and step.goal == "rlhf"
    assert "math-for-ml" in step.blocked_by[1:]
    unseen = next_step(ROADMAP, {"rlhf": 0.1}, [], NOW)
    assert "you have not studied yet" in unseen.why and unseen.topic == unseen.blocked_by[0]


def test_objectives_are_traced_apart() -> None:
    def asked(objective: int | None, score: float, item: str) -> Evidence:
        return Evidence("a", "numeric", score, 1.0, item, NOW, objective)

    log = [asked(0, 1.0, "x"), asked(1, 0.0, "y"), asked(1, 1.0, "y"), asked(None, 1.0, "z")]
    found = trace_objectives(log)
    assert set(found) == {("a", 0), ("a", 1)}
    assert found["a", 0] == update(prior([]), "numeric", 1.0) > READY
    assert found["a", 1] == update(prior([]), "numeric", 0.0) < WEAK


def test_gap_names_what_fails_most() -> None:
    objectives = ROADMAP.topic("math-for-ml").objectives
    assert gap(ROADMAP, "math-for-ml", {}) == ""
    assert gap(ROADMAP, "math-for-ml", {("math-for-ml", 1): 0.5, ("rlhf", 0): 0.1}) == ""
    found = gap(ROADMAP, "math-for-ml", {("math-for-ml", 1): 0.2, ("math-for-ml", 2): 0.1})
    assert found == objectives[2]


def test_due_review_comes_before_new_topics() -> None:
    mastery = {"math-for-ml": 0.95}
    review = Review("math-for-ml", NOW - timedelta(days=1), 5.0, 0.85)
    step = next_step(ROADMAP, mastery, [review], NOW)
    assert (step.topic, step.kind) == ("math-for-ml", "review") and "85%" in step.why
    early = Review("math-for-ml", NOW + timedelta(days=1), 5.0, 0.95)
    assert next_step(ROADMAP, mastery, [early], NOW).kind == "learn"
    unknown = Review("gone", NOW - timedelta(days=1), 5.0, 0.85)
    assert next_step(ROADMAP, mastery, [unknown], NOW).kind == "learn"


def test_what_a_known_topic_builds_on_is_skipped() -> None:
    known = "transformer-architecture"
    presumed = vouched(ROADMAP, {known: 0.9})
    assert set(ROADMAP.topic(known).prerequisites) <= presumed and known not in presumed
    step = next_step(ROADMAP, {known: 0.96}, [], NOW)
    assert step.topic not in presumed | {known}
    assert vouched(ROADMAP, {known: 0.5}) == set()
    statuses = {row["topic"]: row["status"] for row in progress_rows(ROADMAP, {known: 0.9})}
    assert {statuses[name] for name in presumed} == {"presumed"}


def test_topic_under_way_comes_before_new_ones() -> None:
    step = next_step(ROADMAP, {"math-for-ml": 0.7}, [], NOW)
    assert step.topic == "math-for-ml" and "70%" in step.why


def test_everything_mastered() -> None:
    step = next_step(ROADMAP, {t.id: 0.95 for t in ROADMAP.topics()}, [], NOW)
    assert step.topic is None and step.why


@given(st.dictionaries(st.sampled_from([t.id for t in ROADMAP.topics()]), shares))
def test_next_step_never_skips_a_missing_prerequisite(mastery: dict[str, float]) -> None:
    step = next_step(ROADMAP, mastery, [], NOW)
    if step.topic is not None and mastery.get(step.topic) is None:
        assert missing_prerequisites(ROADMAP, mastery, step.topic) == []


def test_progress_rows() -> None:
    review = Review("math-for-ml", NOW, 5.0, 0.9)
    mastery = {"math-for-ml": 0.95, "python-libraries": 0.6, "ml-algorithms": 0.1}
    rows = {row["topic"]: row for row in progress_rows(ROADMAP, mastery, [review])}
    assert len(rows) == len(list(ROADMAP.topics()))
    assert rows["math-for-ml"]["status"] == "mastered"
    assert rows["math-for-ml"]["due"] == NOW.isoformat()
    assert rows["python-libraries"]["status"] == "learning"
    assert rows["ml-algorithms"]["status"] == "weak"
    assert rows["self-attention"]["status"] == "locked"
