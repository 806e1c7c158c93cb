"""The real SmolLM2 and the adapter that is shipped, looked at from within.

Needs TUTOR_TEST_HOME with the small model in bf16; a minute on a busy CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from corpus.lessons import load_lessons
from tutor.inside.attention import find_patterns
from tutor.inside.drafts import compare
from tutor.inside.microscope import Microscope
from tutor.inside.weights import BASE, LocalModel
from tutor.models.catalog import SMALL
from tutor.retrieve import Passage, Retrieval
from tutor.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

TUNED = "smollm2-135m-tutor"


@pytest.fixture(scope="module")
def scope(lender: Path | None) -> Iterator[Microscope]:
    if lender is None or not (lender / "models" / SMALL / "bf16").is_dir():
        pytest.skip("TUTOR_TEST_HOME lends no small model in bf16")
    local = LocalModel(Settings(home=lender, offline=True))
    yield Microscope(local)
    local.release()


def test_tokenizer_splits_numbers_into_digits(scope: Microscope) -> None:
    assert [token.text for token in scope.tokens("of 1971")][-4:] == list("1971")
    assert not scope.local.loaded


def test_model_knows_the_capital_of_france(scope: Microscope) -> None:
    found = scope.next_tokens("The capital of France is", 1.0, 0, 0.5)
    assert found.rows[0].token.text == " Paris" and found.rows[0].raw > 0.5
    assert found.kept == 1 and found.others + len(found.rows) == 49_152


def test_heads_that_look_one_token_back_and_at_the_first_are_found(scope: Microscope) -> None:
    maps = scope.attention("The animal did not cross the street because it was too tired")
    assert maps.weights.shape[:2] == (30, 9)
    assert maps.weights.sum(-1) == pytest.approx(1, abs=1e-4)
    assert (np.triu(maps.weights, k=1) == 0).all()
    shares = {pattern.label: pattern.share for pattern in find_patterns(maps)}
    assert shares["the token before"] > 0.5 and shares["the first token"] > 0.9


def test_base_and_tuned_answer_from_the_same_facts(scope: Microscope) -> None:
    lesson = load_lessons()["self-attention"]
    passage = Passage(
        "lesson:self-attention#1", "lesson", "lesson:self-attention", lesson.topic,
        "In short", None, lesson.sections["In short"], 1.0,
    )  # fmt: skip
    found = Retrieval((passage,), 0.9, 1.0, {"total": 1.0})
    variants = [v for v in scope.local.variants if v.name in (BASE, TUNED)]
    question = "What is self-attention?"
    *_, final = compare(question, lambda _: found, scope.local, variants)
    assert "- Self-attention lets every token" in final.prompt[-1].content
    base, tuned = final.drafts
    assert base.text != tuned.text and tuned.sentences and base.verdict and tuned.verdict
    assert any(sentence.supported for sentence in tuned.sentences)
