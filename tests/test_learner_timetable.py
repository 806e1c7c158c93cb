"""The plan with dates, and where its hours come from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.labs import labs_of
from corpus.roadmap import load_roadmap
from tutor.errors import InputError
from tutor.exercises.bank import bank_questions
from tutor.exercises.question import Grade
from tutor.learner.mastery import MASTERED
from tutor.learner.pace import TARGET, keep_pace, pace_in, pace_of, plan_of, read_pace
from tutor.learner.plan import next_step, vouched
from tutor.learner.schedule import Recall
from tutor.learner.store import Store
from tutor.learner.timetable import (
    REVIEW_MINUTES,
    Pace,
    study_order,
    timetable,
    workload,
)

ROADMAP = load_roadmap()
TOPICS = [topic.id for topic in ROADMAP.topics()]
TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
FULL = workload(ROADMAP, {})

masteries = st.dictionaries(st.sampled_from(TOPICS), st.floats(0.01, 0.99))
paces = st.builds(
    Pace,
    st.floats(0.5, 80),
    st.none() | st.dates(TODAY - timedelta(days=40), TODAY + timedelta(days=300)),
    st.none() | st.integers(1, 7),
)


@settings(deadline=None, max_examples=40)
@given(masteries, paces, st.lists(st.tuples(st.sampled_from(TOPICS), st.floats(0, 1)), max_size=8))
def test_any_plan_keeps_order_dates_and_hours(
    mastery: dict[str, float], pace: Pace, answers: list[tuple[str, float]]
) -> None:
    log = [Recall(name, score, NOW - timedelta(days=3)) for name, score in answers]
    minutes = workload(ROADMAP, mastery)
    plan = timetable(ROADMAP, mastery, log, pace, TODAY, minutes)
    order = [entry.topic for entry in plan.entries]
    assert order == study_order(ROADMAP, mastery, pace.goal)
    for place, name in enumerate(order):
        assert not set(ROADMAP.topic(name).prerequisites) & set(order[place:])
    days = [day for entry in plan.entries for day in (entry.begins, entry.ends)]
    assert days == sorted(days)
    assert not days or days[0] >= max(TODAY, pace.start or TODAY)
    spent: dict[str, int] = {}
    for week in plan.weeks:
        assert week.minutes <= round(pace.hours * 60)
        for name, part in week.topics.items():
            assert part > 0
            spent[name] = spent.get(name, 0) + part
    assert spent == {entry.topic: entry.minutes for entry in plan.entries}
    assert spent == {name: max(1, minutes[name]) for name in order}
    # Every week but the last is used up.
    assert all(week.minutes == round(pace.hours * 60) for week in plan.weeks[:-1])
    for entry in plan.entries:
        within = [week.begins for week in plan.weeks if entry.topic in week.topics]
        assert within[0] <= entry.begins and entry.ends < within[-1] + timedelta(days=7)


@settings(deadline=None, max_examples=40)
@given(masteries)
def test_plan_holds_what_is_open_and_no_more(mastery: dict[str, float]) -> None:
    done = {name for name, share in mastery.items() if share >= MASTERED}
    assert set(study_order(ROADMAP, mastery)) == set(TOPICS) - done - vouched(ROADMAP, mastery)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 7), masteries)
def test_goal_takes_its_prerequisites_along(goal: int, mastery: dict[str, float]) -> None:
    chosen = set(study_order(ROADMAP, mastery, goal))
    assert chosen <= set(study_order(ROADMAP, mastery))
    wanted = {t.id for s in ROADMAP.stages if s.n <= goal for t in s.topics}
    below = {p for name in wanted for p in ROADMAP.topic(name).prerequisites}
    assert chosen >= (wanted | below) & set(study_order(ROADMAP, mastery))


def test_newcomer_goes_through_the_roadmap_in_its_order() -> None:
    assert study_order(ROADMAP, {}) == TOPICS
    first = timetable(ROADMAP, {}, [], Pace(5), TODAY, FULL).entries[0]
    assert first.topic == next_step(ROADMAP, {}, [], NOW).topic and first.begins == TODAY


def test_plan_begins_with_what_the_next_step_says() -> None:
    for mastery in (
        {"math-for-ml": 0.96, "ml-algorithms": 0.5},
        {"math-for-ml": 0.96, "ml-algorithms": 0.96, "self-attention": 0.1},
    ):
        step = next_step(ROADMAP, mastery, [], NOW)
        assert study_order(ROADMAP, mastery)[0] == step.topic


def test_more_hours_end_sooner_and_what_is_done_is_gone() -> None:
    def ends(hours: float, mastery: dict[str, float]) -> date:
        minutes = workload(ROADMAP, mastery)
        found = timetable(ROADMAP, mastery, [], Pace(hours), TODAY, minutes).ends
        assert found is not None
        return found

    assert ends(10, {}) < ends(5, {}) < ends(2, {})
    assert ends(5, {"math-for-ml": 0.97}) < ends(5, {})
    assert ends(5, {"math-for-ml": 0.97}) <= ends(5, {"math-for-ml": 0.5}) <= ends(5, {})


def test_hours_of_one_week_are_spread_over_its_days() -> None:
    plan = timetable(ROADMAP, {}, [], Pace(2, goal=1), TODAY, dict.fromkeys(TOPICS, 60))
    first, second, third, *_ = plan.entries
    assert (first.begins, first.ends) == (TODAY, TODAY + timedelta(days=3))
    assert (second.begins, second.ends) == (TODAY + timedelta(days=3), TODAY + timedelta(days=6))
    assert third.begins == TODAY + timedelta(days=7)


def test_topic_longer_than_a_week_goes_on() -> None:
    plan = timetable(ROADMAP, {}, [], Pace(1, goal=1), TODAY, {**FULL, "math-for-ml": 150})
    assert [week.topics.get("math-for-ml") for week in plan.weeks[:3]] == [60, 60, 30]
    assert plan.entries[0].ends == TODAY + timedelta(days=17)


def test_reviews_come_out_of_the_same_hours() -> None:
    mastery = dict.fromkeys(TOPICS[:10], 0.97)
    log = [Recall(name, 1.0, NOW - timedelta(days=200)) for name in TOPICS[:10]]
    minutes = workload(ROADMAP, mastery)
    without = timetable(ROADMAP, mastery, [], Pace(1), TODAY, minutes)
    plan = timetable(ROADMAP, mastery, log, Pace(1), TODAY, minutes)
    # All ten are due, half of the hour goes to five of them, the others wait for a week.
    assert [len(week.reviews) for week in plan.weeks[:2]] == [5, 5]
    assert set(plan.weeks[0].reviews + plan.weeks[1].reviews) == set(TOPICS[:10])
    assert plan.weeks[0].minutes == 60 and plan.weeks[0].topics == {TOPICS[10]: 30}
    assert plan.ends and without.ends and plan.ends > without.ends
    done = 5 * REVIEW_MINUTES
    assert sum(plan.weeks[0].topics.values()) == 60 - done


def test_what_was_learnt_comes_back_for_review() -> None:
    plan = timetable(ROADMAP, {}, [], Pace(5), TODAY, FULL)
    first = plan.entries[0]
    weeks = [week.begins for week in plan.weeks if first.topic in week.reviews]
    assert weeks and weeks[0] + timedelta(days=7) > first.ends
    gaps = [(b - a).days for a, b in zip(weeks, weeks[1:], strict=False)]
    assert gaps == sorted(gaps)


def test_answers_of_today_count_for_reviews() -> None:
    mastery = {TOPICS[0]: 0.97}
    log = [Recall(TOPICS[0], 1.0, NOW)]  # later than noon
    plan = timetable(ROADMAP, mastery, log, Pace(2), TODAY, workload(ROADMAP, mastery))
    assert any(TOPICS[0] in week.reviews for week in plan.weeks)


def test_workload_counts_lesson_labs_and_missing_answers() -> None:
    name = next(n for n in TOPICS if labs_of(n))
    labs = labs_of(name)
    full = FULL[name]
    attempt = {"question_id": f"lab:{labs[0].id}", "score": 1.0}
    assert workload(ROADMAP, {}, [attempt])[name] == full - labs[0].minutes
    assert workload(ROADMAP, {}, [{**attempt, "score": 0.5}])[name] == full
    firm = workload(ROADMAP, {name: 0.7})[name]
    assert sum(lab.minutes for lab in labs) < firm < full
    assert workload(ROADMAP, {name: 0.3})[name] > firm


def test_nothing_open_is_an_empty_plan() -> None:
    plan = timetable(ROADMAP, dict.fromkeys(TOPICS, 0.97), [], Pace(5), TODAY, FULL)
    assert not plan.entries and not plan.weeks and plan.ends is None
    assert plan.to_dict()["ends"] is None and plan.to_dict()["topics"] == []


@pytest.mark.parametrize(
    "pace",
    [
        Pace(0), Pace(-3), Pace(0.4), Pace(200), Pace(float("nan")), Pace(float("inf")),
        Pace(5, TODAY + timedelta(days=400)), Pace(5, goal=0), Pace(5, goal=8),
    ],
)  # fmt: skip
def test_impossible_pace_is_refused(pace: Pace) -> None:
    with pytest.raises(InputError, match="Give"):
        timetable(ROADMAP, {}, [], pace, TODAY, FULL)


def test_start_in_the_past_starts_today() -> None:
    plan = timetable(ROADMAP, {}, [], Pace(5, TODAY - timedelta(days=9)), TODAY, FULL)
    assert plan.entries[0].begins == TODAY
    later = timetable(ROADMAP, {}, [], Pace(5, TODAY + timedelta(days=9)), TODAY, FULL)
    assert later.entries[0].begins == TODAY + timedelta(days=9)


# --- the pace -----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/tutor.db")
    yield opened
    opened.close()


def test_the_last_pace_counts_and_goes_along_with_the_learner(store: Store) -> None:
    assert pace_of(store, "ann") is None
    keep_pace(store, "ann", Pace(3), NOW)
    keep_pace(store, "ann", Pace(5.5, TODAY, 3), NOW + timedelta(minutes=1))
    assert pace_of(store, "ann") == Pace(5.5, TODAY, 3) and pace_of(store, "bob") is None
    store.import_learner(store.export_learner("ann"), "bob")
    assert pace_of(store, "bob") == Pace(5.5, TODAY, 3)
    keep_pace(store, "ann", None)
    assert pace_of(store, "ann") is None
    store.delete_learner("bob")
    assert pace_of(store, "bob") is None


def test_plan_of_a_learner_follows_their_answers(store: Store) -> None:
    assert plan_of(store, "ann", NOW) is None
    keep_pace(store, "ann", Pace(5), NOW)
    before = plan_of(store, "ann", NOW)
    for question in bank_questions(topic=TOPICS[0])[:12]:
        right = Grade(question.id, 1.0, "correct", 1.0, "Right.")
        store.record_attempt("ann", question, "x", right, at=NOW)
    after = plan_of(store, "ann", NOW)
    assert before and after and before.entries[0].topic == TOPICS[0]
    assert after.entries[0].topic == TOPICS[1]
    assert any(TOPICS[0] in week.reviews for week in after.weeks)
    store.add_feedback("ann", TARGET, 0, '{"hours": 9999}', at=NOW + timedelta(days=1))
    assert plan_of(store, "ann", NOW) is None


@pytest.mark.parametrize(
    "note", ["", "x", "[]", "3", "{}", '{"hours": "x"}', '{"hours": 1, "start": "soon"}']
)
def test_remark_that_is_no_pace_is_passed_over(store: Store, note: str) -> None:
    store.add_feedback("ann", TARGET, 0, note)
    assert pace_of(store, "ann") is None


@settings(deadline=None)
@given(st.text())
def test_any_remark_can_be_read(note: str) -> None:
    assert read_pace(note) is None or isinstance(read_pace(note), Pace)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("I have 5 hours a week", 5), ("make a plan, 2.5h per week please", 2.5),
        ("3-4 hours a week", 4), ("one hour a day", 7), ("30 minutes every day", 3.5),
        ("half an hour a day", 3.5), ("An hour daily", 7), ("I study 6 hours weekly", 6),
        ("10 hrs/week", 10), ("1,5 hours each week", 1.5), ("8 hours of time per week", 8),
    ],
)  # fmt: skip
def test_pace_in_words(text: str, hours: float) -> None:
    pace = pace_in(text)
    assert pace is not None and pace.hours == pytest.approx(hours)


@pytest.mark.parametrize(
    "text", ["what next", "in 3 weeks", "it takes 5 hours", "5 tokens a week", "stage 4 a week", ""]
)
def test_no_pace_in_words(text: str) -> None:
    assert pace_in(text) is None


def test_start_and_goal_in_words() -> None:
    assert pace_in("4 hours a week from 2026-12-01", 3) == Pace(4, date(2026, 12, 1), 3)
    assert pace_in("4 hours a week from 2026-13-41") == Pace(4)


@settings(deadline=None)
@given(st.text())
def test_any_message_can_be_read(text: str) -> None:
    pace_in(text)
