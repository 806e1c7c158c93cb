"""Pairs of true and corrupted sentences: each change does what its name says."""

from __future__ import annotations

import random

import pytest
from tiny_corpus import tiny_documents

from eval.corruption import (
    CORRUPTIONS,
    borrow_number,
    change_number,
    join,
    negate,
    overstate,
    reword,
    turn_round,
)
from eval.support import TRUE, WRONG, build_pairs, is_held_out
from eval.tldr import best_rouge, gist, oracle, rouge_l, textrank
from tutor.support import numbers

RNG = random.Random(0)
PASSAGE = "The model has 12 layers and 768 units. It may help when data are rare."
ROW = {
    "paper_id": "x",
    "title": "Fast attention by blocks",
    "source": [
        "Transformers are slow on long inputs because attention compares all pairs of tokens.",
        "In this paper, we propose fast attention that computes exact attention in blocks.",
        "Experiments on three tasks show that training takes half of the time.",
    ],
    "target": ["We propose exact attention in blocks."],
}


def test_changed_number_is_not_in_the_passage() -> None:
    changed = change_number("The model has 12 layers.", PASSAGE, RNG)
    assert changed and not numbers(changed) <= numbers(PASSAGE)


def test_borrowed_number_is_in_the_passage_but_not_in_the_sentence() -> None:
    assert borrow_number("The model has 12 layers.", PASSAGE, RNG) == "The model has 768 layers."


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("It is fast.", "It is not fast."),
        ("It cannot learn.", "It can learn."),
        ("They have been trained.", "They have not been trained."),
    ],
)
def test_negation_is_put_in_or_taken_out(true: str, false: str) -> None:
    assert negate(true, PASSAGE, RNG) == false


def test_overstatement_makes_a_hedge_certain() -> None:
    assert overstate("It may help.", PASSAGE, RNG) == "It will always help."
    assert overstate("It always helps.", PASSAGE, RNG) is None


def test_opposite_takes_the_place_of_its_word() -> None:
    assert turn_round("It needs more data.", PASSAGE, RNG) == "It needs fewer data."


def test_reworded_sentence_keeps_its_claim() -> None:
    sentence = "However, the model uses large batches (see above)."
    assert reword(sentence, PASSAGE, RNG) == "The model employs big batches."


def test_joined_sentences_make_one() -> None:
    assert join(["It is fast.", "The model is small."]) == "It is fast, and the model is small."


def test_no_corruption_leaves_a_sentence_as_it_is() -> None:
    sentence = "The BERT model may need 12 layers, which is more than language models had before."
    for seed in range(20):
        for change in CORRUPTIONS.values():
            assert change(sentence, PASSAGE, random.Random(seed)) != sentence


def test_note_goes_with_its_paper_and_pairs_are_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eval.support.corpus_documents", tiny_documents)
    assert is_held_out("note:1706.03762") == is_held_out("paper:1706.03762")
    pairs = list(build_pairs(None))
    assert pairs == list(build_pairs(None))
    assert {pair.kind for pair in pairs} >= {*TRUE, WRONG}


def test_rouge_l_is_f1_of_the_longest_common_subsequence() -> None:
    assert rouge_l("a b c d", "a c d e") == pytest.approx(0.75)
    assert rouge_l("", "a") == 0
    assert best_rouge("a b", ["c d", "a b"]) == 1


def test_gist_names_the_contribution_without_its_lead_in() -> None:
    assert gist(ROW) == "We propose fast attention that computes exact attention in blocks."
    assert oracle(ROW) == ROW["source"][1]
    assert textrank(ROW) in ROW["source"]
