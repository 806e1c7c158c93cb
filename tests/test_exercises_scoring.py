"""The fitted score: what is written is what was fitted, and any text has numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from fakes import FakeEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.grader import TREES, Row, binned, fit, spread, strangers, weights_of
from tutor.exercises.alignment import CONTENT, MEANING, WORDS, describe
from tutor.exercises.anchors import anchored
from tutor.exercises.scoring import FittedScore, Tree, score_of

PROMPT = "Why is attention scaled?"
REFERENCE = "Without the scale the softmax saturates. Its gradients then vanish."


def rows(count: int, source: str = "bank") -> list[Row]:
    return [
        Row(source, f"{source} {n % 5}", f"item {n}", "Why?", "Because.", (), f"answer {n}", 0.5)
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def numbers() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, len(WORDS)))


def test_both_halves_are_what_was_fitted(numbers: np.ndarray) -> None:
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import Ridge

    scores = np.clip(numbers[:, 0] + 0.3 * numbers[:, 1] ** 2, 0, 1)
    weights = np.linspace(0.5, 1.5, len(scores))
    fitted = fit(numbers, scores, weights)
    scaled = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    linear = Ridge(30.0).fit(scaled, scores, sample_weight=weights).predict(scaled)
    grown = GradientBoostingRegressor(**TREES).fit(numbers, scores, sample_weight=weights)
    expected = (linear + grown.predict(numbers)) / 2
    assert np.allclose([fitted.raw(row) for row in numbers], expected, atol=1e-5)


def test_file_keeps_the_score(numbers: np.ndarray) -> None:
    fitted = fit(numbers, np.clip(numbers[:, 0], 0, 1), np.ones(len(numbers)))
    again = FittedScore.from_dict(json.loads(json.dumps(fitted.to_dict())))
    same = [abs(fitted.raw(row) - again.raw(row)) < 0.001 for row in numbers]
    assert np.mean(same) > 0.95  # a threshold rounded to five digits may let one go the other way


def test_tree_goes_left_at_its_threshold() -> None:
    tree = Tree((0, -1, -1), (0.5, 0.0, 0.0), (1, -1, -1), (2, -1, -1), (0.0, 1.0, 2.0))
    assert [tree([value]) for value in (0.4, 0.5, 0.6)] == [1.0, 1.0, 2.0]


def test_spread_gives_peoples_mean_and_deviation() -> None:
    raw, scores = np.array([0.4, 0.5, 0.6]), np.array([0.0, 0.5, 1.0])
    slope, offset = spread(raw, scores, np.ones(3))
    assert np.allclose(offset + slope * raw, scores)


def test_no_bin_is_empty_where_many_scores_are_equal() -> None:
    given_scores = np.array([0.0] * 50 + [1.0] * 50)
    borders, shares = binned(given_scores, given_scores, np.ones(100))
    assert len(shares) == len(borders) + 1 and set(shares) == {1.0}


def test_sources_weigh_alike_whatever_their_size() -> None:
    both = rows(10) + rows(40, "networking")
    weights = weights_of(both)
    assert math.isclose(weights[:10].sum(), weights[10:].sum())


def test_strangers_answer_another_question() -> None:
    own = rows(50)
    made = strangers(own)
    assert len(made) == 5 and all(row.score == 0 for row in made)
    groups = {row.answer: row.group for row in own}
    assert all(groups[row.answer] != row.group for row in made)


@given(st.text(min_size=1, max_size=300), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_text_has_numbers_and_a_score(text: str, meaning: bool) -> None:
    found = describe(text, PROMPT, REFERENCE, (), FakeEmbedder() if meaning else None)
    assert set(found) == set(MEANING if meaning else WORDS)
    assert all(math.isfinite(value) for value in found.values())
    score, confidence = score_of(found)
    assert 0 <= score <= 1 and 0 <= confidence <= 1


def test_repeating_the_question_gains_nothing() -> None:
    embedder = FakeEmbedder()
    asked = describe(PROMPT, PROMPT, REFERENCE, (), embedder)
    answered = describe(REFERENCE, PROMPT, REFERENCE, (), embedder)
    assert asked["token_gain"] == pytest.approx(0, abs=1e-6)
    assert answered["token_gain"] == pytest.approx(1, abs=1e-6)


def test_only_bank_questions_have_anchors() -> None:
    assert anchored("gen:abc", "any answer", 0.4) == 0.4
    assert anchored("bank:no-such-item:3", "any answer", 0.4) == 0.4


def test_a_token_of_the_answer_stands_for_one_of_the_reference() -> None:
    once = describe("softmax", PROMPT, "softmax softmax", (), FakeEmbedder())
    twice = describe("softmax softmax", PROMPT, "softmax softmax", (), FakeEmbedder())
    assert once["token_recall"] == pytest.approx(1) and once["token_pairs"] == pytest.approx(0.5)
    assert twice["token_pairs"] == pytest.approx(1)


def test_what_an_answer_is_about_weighs_a_tenth_and_grows_no_tree() -> None:
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(200, len(MEANING)))
    about = len(MEANING) - len(CONTENT)
    scores = numbers[:, 0] + numbers[:, about]
    fitted = fit(numbers, scores, np.ones(200))
    assert abs(fitted.weights[about]) < 0.2 * fitted.weights[0]
    assert all(max(tree.feature) < about for tree in fitted.trees)
