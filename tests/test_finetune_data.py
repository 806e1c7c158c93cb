"""Training data: right by construction, valid for the serving schemas, apart from evaluation."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder
from hypothesis import given
from hypothesis import strategies as st

from corpus.lessons import load_lessons
from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from finetune.data.card import write_card
from finetune.data.facts import RememberedEmbedder
from finetune.data.feedback import feedback_rows
from finetune.data.grounded import gather, grounded_row, plain_sentences, refusal_rows
from finetune.data.hints import dialogue_rows, hint_rows
from finetune.data.preferences import FLAWS, preference_pairs
from finetune.data.questions import Asked, all_questions, casual, misconceptions
from finetune.data.quiz import quiz_rows
from finetune.data.rows import Pair, Recorder, Row, read_records, write_rows
from finetune.data.split import (
    HELD_OUT_TOPICS,
    decontaminate,
    deduplicate,
    held_out_papers,
    is_held_out,
    ngrams,
)
from finetune.data.summaries import plainer, summary_rows
from finetune.data.wording import word_rows, worded_by_rule
from finetune.rewards import reward
from tutor.draft import EXPLAIN_SYSTEM, MARKER, numbered, shown_facts, whole_sentences
from tutor.errors import InputError, ServerError
from tutor.exercises.generate import GENERATE_SYSTEM, GeneratedItem
from tutor.exercises.judge import JUDGE_SYSTEM, Judgement
from tutor.exercises.leaks import gives_away
from tutor.exercises.phrasing import PHRASE_SYSTEM, Phrased
from tutor.exercises.question import questions_by_id
from tutor.exercises.verify import Choice
from tutor.ingest.corpus import corpus_documents
from tutor.models.llm import Message
from tutor.retrieve import Retriever
from tutor.summarize import RESTATE_SYSTEM, Restatements, is_supported

TOPICS = ("advanced-dl", "text-classification")


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    chunks = [chunk for _, chunks in corpus_documents() for chunk in chunks]
    return Retriever([chunk for chunk in chunks if not is_held_out(chunk.doc_id)])


@pytest.fixture(scope="module")
def grounded(retriever: Retriever) -> list[Row]:
    asked = [q for q in all_questions() if q.topic in TOPICS][:60]
    rows = [grounded_row(gather(question, retriever, None), None) for question in asked]
    return [row for row in rows if row is not None]


def row(prompt: str = "What is a tensor?", target: str = "An array.", topic: str = "x") -> Row:
    return Row("grounded", topic, "lesson:x", (Message("user", prompt),), target)


def test_held_out_topics_exist_and_leave_most_to_train_on() -> None:
    topics = {topic.id for topic in load_roadmap().topics()}
    assert topics >= HELD_OUT_TOPICS and len(HELD_OUT_TOPICS) < len(topics) / 3


def test_papers_of_held_out_topics_are_held_out() -> None:
    assert held_out_papers() and held_out_papers() < set(load_papers())
    assert is_held_out("lesson:rlhf") and not is_held_out("lesson:advanced-dl")
    assert all(is_held_out(f"arxiv:{paper}") for paper in held_out_papers())


def test_grounded_rows_have_the_serving_prompt(grounded: list[Row]) -> None:
    assert len(grounded) >= 10
    for made in grounded:
        assert made.prompt[0] == Message("system", EXPLAIN_SYSTEM)
        assert shown_facts(made.prompt[-1].content)


def test_each_grounded_sentence_names_a_fact_that_is_shown(grounded: list[Row]) -> None:
    for made in grounded:
        shown = {str(number) for number, _ in shown_facts(made.prompt[-1].content)}
        for sentence in whole_sentences(made.target):
            numbers = MARKER.findall(sentence)
            assert len(numbers) == 1 and numbers[0] in shown


def test_no_grounded_row_sees_a_held_out_document(grounded: list[Row]) -> None:
    lines = {
        " ".join(text.split())
        for topic in HELD_OUT_TOPICS
        for text in load_lessons()[topic].sections["In short"].split(". ")
    }
    for made in grounded:
        for _, fact in shown_facts(made.prompt[-1].content):
            assert fact.rstrip(".") not in lines


def test_question_about_one_paper_put_to_another_is_refused(retriever: Retriever) -> None:
    asked = [q for q in all_questions() if q.document and not is_held_out(q.document)]
    rows = list(islice(refusal_rows(asked, retriever, None), 5))
    assert len(rows) == 5
    for made in rows:
        assert made.target == "The sources do not say."
        assert made.prompt[0].content == EXPLAIN_SYSTEM


@pytest.mark.parametrize(
    ("fact", "term", "question"),
    [
        (
            "A Transformer is a neural network that maps one sequence to another.",
            "Transformer",
            "Which neural network maps one sequence to another?",
        ),
        ("Perplexity is the exponential of the mean loss.", "Perplexity",
         "What is the exponential of the mean loss called?"),
        ("Momentum keeps a running sum of gradients.", "Momentum",
         "What keeps a running sum of gradients?"),
    ],
)  # fmt: skip
def test_a_defining_sentence_is_turned_into_a_question(fact: str, term: str, question: str) -> None:
    assert next(worded_by_rule(fact)) == (term, question)


@pytest.mark.parametrize(
    "fact",
    ["It is a network that learns.", "The first part is a list.", "We train `x` on data.", "No."],
)
def test_other_sentences_are_not_worded(fact: str) -> None:
    assert not list(worded_by_rule(fact))


def test_worded_rows_pass_the_check_that_serves(retriever: Retriever) -> None:
    rows = list(word_rows(retriever, TOPICS))
    assert rows
    for made in rows:
        found = Phrased.model_validate_json(made.target)
        assert made.prompt[0].content == PHRASE_SYSTEM
        assert reward("word", made.prompt[-1].content, made.target, "", "") == 1
        assert reward("word", made.prompt[-1].content, found.question[:-20], "", "") == 0


def test_quiz_rows_are_valid_and_quote_their_passage(retriever: Retriever) -> None:
    rows = list(quiz_rows(retriever, TOPICS))
    written = [made for made in rows if made.skill == "quiz"]
    assert written and any(made.skill == "solve" for made in rows)
    for made in written:
        item = GeneratedItem.model_validate_json(made.target)
        assert made.prompt[0].content == GENERATE_SYSTEM
        assert item.quote.split()[0] in made.prompt[-1].content


def test_solutions_name_an_option_that_is_shown(retriever: Retriever) -> None:
    for made in quiz_rows(retriever, TOPICS):
        if made.skill == "solve":
            option = Choice.model_validate_json(made.target).option
            assert f"\n{option}. " in made.prompt[-1].content


def test_judge_rows_cover_every_point_and_quote_the_answer() -> None:
    rows = [made for made in feedback_rows(TOPICS) if made.skill == "judge"]
    assert rows
    for made in rows:
        judgement = Judgement.model_validate_json(made.target)
        answer = made.prompt[-1].content.split("<answer>")[1]
        assert made.prompt[0].content == JUDGE_SYSTEM
        assert [entry.point for entry in judgement.points] == list(
            range(1, len(judgement.points) + 1)
        )
        for entry in judgement.points:
            assert (entry.verdict == "missing") == (not entry.quote)
            assert entry.quote.lower()[1:] in answer.lower()


def test_restatements_are_supported_by_their_sentences() -> None:
    rows = list(islice(summary_rows(TOPICS), 60))
    for made in rows:
        shown = dict(re.findall(r"^\[(\d)\] (.+)$", made.prompt[-1].content, re.MULTILINE))
        assert made.prompt[0].content == RESTATE_SYSTEM
        for point in Restatements.model_validate_json(made.target).points:
            assert is_supported(point.text, shown[str(point.sentence)])


def test_restating_makes_plainer_what_can_be() -> None:
    long = "However, we train the model on a large corpus of text (mostly books and articles)."
    assert plainer(long) == "The authors train the model on a large corpus of text."


def test_hint_rows_never_give_the_key_away() -> None:
    rows = list(hint_rows(TOPICS))
    assert len(rows) > 50
    for made in rows:
        assert not gives_away(made.target, questions_by_id(made.source))


def test_dialogue_rows_ask_one_question_or_name_steps() -> None:
    kinds = {made.skill for made in dialogue_rows(TOPICS)}
    assert kinds == {"socratic", "follow-up"}


def test_every_flaw_of_answers_is_made_and_differs(grounded: list[Row]) -> None:
    pairs = list(preference_pairs(grounded))
    assert {pair.flaw for pair in pairs} >= {"invented citation", "denied", "off the facts"}
    assert {pair.flaw for pair in pairs} <= set(FLAWS["grounded"])
    assert all(pair.chosen != pair.rejected for pair in pairs)


def test_invented_citation_is_of_no_fact(grounded: list[Row]) -> None:
    for pair in preference_pairs(grounded):
        if pair.flaw == "invented citation":
            shown = set(re.findall(r"^\[(\d+)\]", pair.prompt[-1].content, re.MULTILINE))
            assert not set(MARKER.findall(pair.rejected)) <= shown


def test_leaked_key_is_a_leak() -> None:
    pairs = [p for p in preference_pairs(list(hint_rows(TOPICS))) if p.flaw == "key leaked"]
    assert pairs
    assert all(gives_away(p.rejected, questions_by_id(p.source)) for p in pairs)


def test_wrong_verdict_is_still_valid_json() -> None:
    rows = [made for made in feedback_rows(TOPICS) if made.skill == "judge"]
    wrong = [p for p in preference_pairs(rows) if p.flaw == "wrong verdict"]
    assert wrong
    for pair in wrong:
        assert Judgement.model_validate_json(pair.rejected) != Judgement.model_validate_json(
            pair.chosen
        )


def test_row_that_shares_eight_words_with_evaluation_goes() -> None:
    known = set(ngrams("why does a test that catches ninety percent mislead"))
    asked = row("Well, why does a test that catches ninety percent mislead us?")
    kept, dropped = decontaminate([asked, row()], known)
    assert kept == [row()] and dropped == 1


def test_system_prompt_is_no_contamination() -> None:
    system = "one two three four five six seven eight nine"
    made = Row("grounded", "x", "s", (Message("system", system), Message("user", "hi")), "target")
    assert decontaminate([made], set(ngrams(system))) == ([made], 0)


def test_repeated_rows_go_whatever_their_punctuation() -> None:
    kept, dropped = deduplicate([row(), row("what is a tensor"), row("What is a matrix?")])
    assert len(kept) == 2 and dropped == 1


@given(st.text(max_size=60), st.integers(1, 5))
def test_ngrams_are_of_the_asked_length(text: str, n: int) -> None:
    words = re.findall(r"\w+", text.lower())
    for run in ngrams(text, n):
        assert len(run) == min(n, len(words))


def test_marker_stands_before_the_full_stop() -> None:
    assert numbered("It works.", 2) == "It works [2]."
    assert numbered("It works", 1) == "It works [1]."
    assert numbered("Does it (really?)", 3) == "Does it (really [3]?)"


def test_semicolon_parts_sentences_and_lead_goes() -> None:
    sentence = "However, plain descent uses one rate for all; momentum adds up the past steps."
    assert plain_sentences(sentence) == [
        "Plain descent uses one rate for all.",
        "Momentum adds up the past steps.",
    ]


def test_misconceptions_come_with_their_corrections() -> None:
    found = misconceptions(load_lessons()["rlhf"])
    assert ("RLHF teaches new facts.", found[1][1]) == found[1] and "pre-training" in found[1][1]


def test_casual_question_keeps_its_words() -> None:
    from random import Random

    asked = Asked("What is dropout?", "advanced-dl", "lesson:x", "term")
    for seed in range(20):
        assert "dropout" in casual(asked, Random(seed)).question


def test_recorder_rejects_a_target_that_the_schema_does_not_take() -> None:
    with pytest.raises(ServerError, match="no Choice"):
        Recorder('{"option": 0}').structured([], Choice, max_tokens=5)


def test_rows_survive_the_file(tmp_path: Path) -> None:
    pair = Pair("grounded", "denied", "x", "s", (Message("user", "q"),), "yes", "no")
    write_rows([row(), pair], tmp_path / "rows.jsonl")
    first, second = read_records(tmp_path / "rows.jsonl")
    assert first["completion"] == [{"role": "assistant", "content": "An array."}]
    assert second["rejected"] == [{"role": "assistant", "content": "no"}]


@pytest.mark.parametrize("text", ["no json", '{"prompt": "text"}', "[]"])
def test_malformed_line_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"prompt": []}}\n{text}\n')
    with pytest.raises(InputError, match="line 2"):
        read_records(path)


def test_missing_data_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finetune.data"):
        read_records(tmp_path / "none.jsonl")


def test_remembered_embeddings_are_computed_once_and_kept(tmp_path: Path) -> None:
    inner = FakeEmbedder()
    calls: list[int] = []

    class Counting:
        name, dimension = inner.name, inner.dimension

        def embed(self, texts: list[str]) -> np.ndarray:
            calls.append(len(texts))
            return inner.embed(texts)

    first = RememberedEmbedder(Counting(), tmp_path / "e.npz")
    vectors = first.embed(["a", "b", "a"])
    first.save()
    again = RememberedEmbedder(Counting(), tmp_path / "e.npz")
    assert np.array_equal(again.embed(["b", "a"]), vectors[1::-1])
    assert calls == [2]


def test_card_counts_and_hashes(tmp_path: Path) -> None:
    write_rows([row()], tmp_path / "sft.jsonl")
    text = write_card(tmp_path, [row()], [], {"repeated": 3}, 0)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["rows"] == {"grounded": 1} and len(card["sha256"]["sft.jsonl"]) == 64
    assert "1 rows" in text and "rlhf" in text
