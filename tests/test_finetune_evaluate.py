"""What a draft is worth on a held-out topic, and the intervals around it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from finetune.data.grounded import Evidence
from finetune.data.questions import Asked
from finetune.data.rows import Row
from finetune.data.split import EVAL_DATA, HELD_OUT_TOPICS
from finetune.drafts import Drafts, fingerprint
from finetune.evaluate import interval, measure, refusal_f1, score, score_row, table
from finetune.heldout import Case, held_out_questions
from tutor.models.llm import Message
from tutor.retrieve import Passage, Retrieval

PASSAGE = Passage(
    "lesson:rlhf#1", "lesson", "lesson:rlhf", "RLHF", "In short", None,
    "A reward model is trained on human comparisons of several answers to a prompt. "
    "The KL penalty keeps the policy close to the starting model during training.", 1.0,
)  # fmt: skip
GOOD = (
    "A reward model is trained on human comparisons of several answers to a prompt [1]. "
    "The KL penalty keeps the policy close to the starting model during training [1]."
)


@pytest.fixture
def case() -> Case:
    asked = Asked("What is the reward model in RLHF trained on?", "rlhf", "eval:q", "eval")
    found = Retrieval((PASSAGE,), 0.9, 1.0, {"total": 0.0})
    prompt = (Message("user", "Facts: … Question: …"),)
    return Case(Evidence(asked, found, ()), prompt, ("human comparisons", "entropy"))


def test_draft_that_restates_its_fact_holds(case: Case) -> None:
    figures = score(case, GOOD, None)
    assert figures["held"] == figures["supported"] == figures["precision"] == 1.0
    assert figures["recall"] == 1.0 and figures["refused"] == 0.0
    assert figures["facts"] == figures["facts shown"] == 0.5


def test_draft_off_the_facts_does_not_hold(case: Case) -> None:
    figures = score(case, "The Eiffel Tower stands in Paris beside the river Seine [1].", None)
    assert figures["held"] == figures["supported"] == figures["precision"] == 0.0


def test_wrong_marker_costs_precision_and_not_support(case: Case) -> None:
    figures = score(case, GOOD.replace("[1]", "[4]", 1), None)
    assert figures["supported"] == 1.0 and figures["precision"] == 0.5


def test_marker_of_another_passage_that_says_the_same_is_right(case: Case) -> None:
    twice = replace(case.evidence.retrieval, passages=(PASSAGE, PASSAGE))
    told_twice = replace(case, evidence=replace(case.evidence, retrieval=twice))
    assert score(told_twice, GOOD.replace("[1]", "[2]", 1), None)["precision"] == 1.0
    assert score(told_twice, GOOD.replace("[1]", "[0]", 1), None)["precision"] == 0.5


@pytest.mark.parametrize("draft", ["", "The sources do not say."])
def test_draft_without_markers_has_no_precision(case: Case, draft: str) -> None:
    assert score(case, draft, None)["precision"] is None


def test_interval_holds_the_mean_and_repeats() -> None:
    figures = interval([0.0, 1.0, 1.0, 1.0])
    assert figures["low"] < figures["mean"] == 0.75 < figures["high"]
    assert figures == interval([0.0, 1.0, 1.0, 1.0]) and interval([])["n"] == 0


def test_questions_are_of_held_out_topics_and_the_test_split_alone() -> None:
    rows = [json.loads(x) for x in (EVAL_DATA / "questions.jsonl").read_text().splitlines()]
    test = {f"eval:{row['id']}" for row in rows if row["split"] == "test"}
    asked = [question for question, _ in held_out_questions(60)]
    assert len(asked) == 60
    assert {question.topic for question in asked} <= HELD_OUT_TOPICS
    assert {q.source for q in asked if q.kind == "eval"} <= test


def test_each_batch_is_written_as_it_comes(case: Case, tmp_path: Path) -> None:
    class Scripted:
        def __init__(self, reply: str) -> None:
            self.reply = reply

        def replies(self, prompts: list[object], max_tokens: int) -> list[str]:
            return [self.reply] * len(prompts)

        def choice(self, question: str, options: list[str]) -> int:
            return options.index(max(options, key=len))

        def perplexity(self, text: str) -> float:
            return 20.0

    row = Row("refusal", "rlhf", "lesson:rlhf", case.prompt, "The sources do not say.")
    models = {"base": Scripted("Nothing of the kind is known here."), "tuned": Scripted(GOOD)}
    general = [{"question": "Largest?", "options": ["ant", "elephant"], "answer": 1}] * 4
    drafts = Drafts(tmp_path, {})
    cases = [replace(case, prompt=(*case.prompt, Message("user", f"{n}"))) for n in range(3)]
    results = measure(models, cases, [row], general, None, 2, drafts)  # type: ignore[arg-type]
    assert results["tuned"]["held"]["mean"] == 1.0 and results["base"]["held"]["mean"] == 0.0
    assert len((tmp_path / "drafts.jsonl").read_text().splitlines()) == 8
    assert results["base"]["general questions right"] == interval([1.0] * 4)
    assert "| held | 0 (0–0, n=3) | 1 (1–1, n=3) |" in table(results)
    results = measure(models, [case], [], [], None, 2, drafts)  # type: ignore[arg-type]
    assert "general questions right" not in results["base"]


def test_replies_of_a_run_that_was_stopped_are_not_written_again(
    case: Case, tmp_path: Path
) -> None:
    asked: list[int] = []

    class Counting:
        def replies(self, prompts: list[object], max_tokens: int) -> list[str]:
            asked.append(len(prompts))
            return [GOOD] * len(prompts)

        def perplexity(self, text: str) -> float:
            return 20.0

    cases = [replace(case, prompt=(*case.prompt, Message("user", f"{n}"))) for n in range(4)]
    for count in (2, 4):
        drafts = Drafts(tmp_path, {"tuned": "of this adapter"})
        results = measure({"tuned": Counting()}, cases[:count], [], [], None, 4, drafts)  # type: ignore[dict-item]
    assert asked == [2, 2] and results["tuned"]["held"]["n"] == 4
    with (tmp_path / "drafts.jsonl").open("a") as file:
        file.write('{"key": "cut o')
    drafts = Drafts(tmp_path, {"tuned": "of another adapter"})
    measure({"tuned": Counting()}, cases, [], [], None, 4, drafts)  # type: ignore[dict-item]
    assert asked == [2, 2, 4], "an adapter got the replies of another"


def test_fingerprint_follows_the_adapters_content(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"one")
    first = fingerprint(tmp_path, tmp_path)
    assert first == fingerprint(tmp_path, tmp_path) != fingerprint(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"two")
    assert fingerprint(tmp_path, tmp_path) != first


def test_row_is_scored_by_its_skills_reward_and_schema() -> None:
    prompt = (Message("user", "Question: 1 + 1?\n\nWhich option is right?"),)
    row = Row("solve", "rlhf", "bank:x", prompt, '{"option":4}')
    assert score_row(row, '{"option":4}') == {"solve: right": 1.0, "valid JSON": 1.0}
    assert score_row(row, "Option 4!") == {"solve: right": 0.0, "valid JSON": 0.0}
    refusal = Row("refusal", "rlhf", "lesson:x", prompt, "The sources do not say.")
    assert score_row(refusal, "The sources do not say.") == {"refusal: right": 1.0}


def test_refusals_are_weighed_by_precision_and_recall() -> None:
    # 3 of 4 rightly, 1 of 5 wrongly: precision 3/4, recall 3/4.
    figures = refusal_f1([0, 0, 0, 0, 1], [1, 1, 1, 0])
    assert figures["mean"] == pytest.approx(0.75) and figures["low"] < 0.75 < figures["high"]
    assert refusal_f1([0, 0], [0, 0])["mean"] == 0.0
