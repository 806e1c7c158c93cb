"""The reward pays for what the tutor checks, and not for the ways around it."""

from __future__ import annotations

import pytest

from finetune.rewards import grounded_reward, reward, reward_batch
from tutor.exercises.judge import Judgement, PointVerdict

PROMPT = """Question: What is dropout?
Facts:
- Dropout sets each activation to zero with probability p during training [1].
- At test time dropout keeps all activations and changes nothing [1].
- Dropout reduces overfitting because units cannot rely on each other [3].
Question: What is dropout?
Answer:"""
RIGHT = (
    "Dropout sets each activation to zero with probability p during training [1]. "
    "Dropout reduces overfitting because units cannot rely on each other [3]."
)


def test_supported_and_cited_answer_earns_nearly_all() -> None:
    assert grounded_reward(PROMPT, RIGHT) > 0.95


@pytest.mark.parametrize(
    "worse",
    [
        RIGHT.replace(" [1]", "").replace(" [3]", ""),
        RIGHT.replace("[3]", "[1]"),
        RIGHT.replace("[1]", "[7]"),
        RIGHT.replace("reduces", "never reduces"),
        RIGHT + " The Eiffel Tower stands beside the river Seine in Paris [1].",
        f"{RIGHT} {RIGHT}",
        "Dropout.",
        "",
    ],
    ids=["no markers", "wrong marker", "invented", "denied", "unsupported", "twice", "short", "no"],
)
def test_each_failure_earns_less(worse: str) -> None:
    assert grounded_reward(PROMPT, worse) < grounded_reward(PROMPT, RIGHT) - 0.05


def test_many_markers_do_not_pay() -> None:
    assert grounded_reward(PROMPT, RIGHT.replace("[1]", "[1, 2, 3]")) < grounded_reward(
        PROMPT, RIGHT
    )


def test_refusal_is_right_where_the_facts_do_not_answer() -> None:
    assert reward("refusal", PROMPT, "The sources do not say.", "", "") == 1
    assert reward("refusal", PROMPT, RIGHT, "", "") == 0


def test_verdicts_count_point_by_point() -> None:
    def points(*verdicts: str) -> str:
        made = [PointVerdict(point=n, verdict=v, quote="") for n, v in enumerate(verdicts, 1)]  # type: ignore[arg-type]
        return Judgement(points=made).model_dump_json()

    target = points("made", "missing")
    assert reward("judge", "", target, target, "") == 1
    assert reward("judge", "", points("made", "made"), target, "") == pytest.approx(0.625)
    assert reward("judge", "", "{", target, "") == 0


def test_wrong_option_earns_its_form_alone() -> None:
    assert reward("solve", "", '{"option": 2}', '{"option":3}', "") == 0.25
    assert reward("solve", "", '{"option": 3}', '{"option":3}', "") == 1


def test_hint_that_leaks_earns_nothing() -> None:
    from tutor.exercises.question import questions_by_id

    question = questions_by_id("bank:rlhf-c01:0")
    assert question.options is not None and isinstance(question.key, int)
    leak = f"The answer is: {question.options[question.key]}"
    assert reward("hint", "", leak, "", question.id) == 0
    assert reward("hint", "", "Think of what keeps two models close.", "", question.id) > 0


def test_restatement_without_support_earns_less() -> None:
    prompt = "Sentences:\n[1] The model reaches 28.4 BLEU on the English-German test set.\n"
    right = '{"points": [{"sentence": 1, "text": "The model reaches 28.4 BLEU on the test set."}]}'
    wrong = right.replace("28.4", "31.7")
    assert reward("restate", prompt, right, right, "") > reward("restate", prompt, wrong, right, "")


def test_batch_form_is_what_the_trainer_calls() -> None:
    rewards = reward_batch(
        prompts=[[{"role": "user", "content": PROMPT}]],
        completions=[[{"role": "assistant", "content": RIGHT}]],
        skill=["grounded"],
        target=[RIGHT],
        source=["lesson:x"],
        trainer_state=None,
    )
    assert rewards == [grounded_reward(PROMPT, RIGHT)]
