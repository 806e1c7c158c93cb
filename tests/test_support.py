"""Support: words, numbers and polarity decide whether a passage backs a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from tiny_corpus import a_passage

from tutor.support import (
    SupportChecker,
    claims,
    figures,
    names,
    negated,
    numbers,
    overstates,
    replacements,
    turns_round,
    windows,
)

TEXT = (
    "The scores are divided by the square root of the key size, which is 64 in the base model. "
    "A softmax turns each row of scores into weights. The big model reaches 28.4 BLEU."
)


class Alike:
    """An embedder for which all texts mean the same, or nothing does."""

    name = "alike"
    dimension = 2

    def __init__(self, alike: bool) -> None:
        self.alike = alike

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))
        if not self.alike:
            rows[1:] = [0.0, 1.0]
        return rows


def supported(sentence: str, text: str = TEXT, **options: object) -> bool:
    found = SupportChecker([a_passage(text)], **options).check(sentence)  # type: ignore[arg-type]
    return found is not None and found.supported


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1,000 and 1000", {"1000"}),
        ("3.50 or 3.5", {"3.5"}),
        ("0.0 and 0", {"0"}),
        (".95", {"0.95"}),
        ("0.95", {"0.95"}),
        ("175B parameters", {"175"}),
        ("in GPT-3 and x2", {"3"}),
        ("ends with 10.", {"10"}),
        ("no figures", set()),
        ("100", {"100"}),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, wanted: set[str]) -> None:
    assert numbers(text) == wanted


@runs(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_thousands_separators_do_not_matter(n: int) -> None:
    assert numbers(f"about {n:,} tokens") == numbers(f"{n}") == {str(n)}


@runs(max_examples=60, deadline=None)
@given(st.decimals(0, 9999, places=3), st.integers(0, 3))
def test_trailing_zeros_do_not_matter(number: object, zeros: int) -> None:
    assert numbers(f"{number}") == numbers(f"{number}{'0' * zeros}")


@runs(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_numbers_of_two_lines_are_those_of_each(a: str, b: str) -> None:
    assert numbers(f"{a}\n{b}") == numbers(a) | numbers(b)


def test_sentence_of_the_passage_is_supported() -> None:
    found = SupportChecker([a_passage("Cats sleep all day."), a_passage(TEXT)]).check(
        "The scores are divided by the square root of the key size."
    )
    assert found and found.supported and found.passage == 1
    assert "square root" in found.quote


def test_another_number_is_not_supported() -> None:
    assert supported("The big model reaches 28.4 BLEU points.")
    assert not supported("The big model reaches 29.4 BLEU points.")
    assert not supported("The big model reaches .95 BLEU points.")


def test_alike_meaning_never_excuses_a_number() -> None:
    assert not supported("The big model reaches 99 BLEU points.", embedder=Alike(True))


def test_denial_of_a_passage_is_not_supported() -> None:
    assert not supported("The scores are not divided by the square root of the key size.")
    assert negated("It does not fail to") is False, "two denials cancel out"


def test_meaning_gives_a_paraphrase_a_second_chance() -> None:
    sentence = "Softmax makes weights out of rows, quickly and elegantly."
    assert not supported(sentence), "the case needs a sentence that words alone do not support"
    assert supported(sentence, embedder=Alike(True))
    assert not supported(sentence, embedder=Alike(False))


def test_sentence_with_too_few_words_is_not_checked() -> None:
    assert SupportChecker([a_passage(TEXT)]).check("It scores.") is None


def test_nothing_supports_without_passages() -> None:
    assert SupportChecker([]).check("The scores are divided by the root.") is None


def test_title_counts_as_said_but_not_alone() -> None:
    passage = a_passage("Weights sum to one in each row of the matrix.", title="Softmax Function")
    checker = SupportChecker([passage])
    by_both = checker.check("Softmax function weights sum to one in each row.")
    assert by_both is not None and by_both.supported
    by_title = checker.check("The softmax function is famous here and there.")
    assert by_title is None or not by_title.supported, "a title alone proves nothing"


def test_misconception_is_no_evidence() -> None:
    text = (
        "- **Misconception.** Attention weights are learned parameters of the model. "
        "**Correction.** Attention weights are computed anew for each input sequence."
    )
    assert "learned parameters" not in claims(text)
    assert not supported("Attention weights are learned parameters of the model.", text)
    assert supported("Attention weights are computed anew for each input sequence.", text)


def test_misconception_cut_off_before_its_correction_asserts_nothing() -> None:
    assert claims("**Misconception.** Weights are learned.").strip() == ""


def test_windows_are_sentences_and_neighbours() -> None:
    assert windows("One is here. Two is here.") == [
        "One is here.", "Two is here.", "One is here. Two is here.",
    ]  # fmt: skip


def test_number_of_another_sentence_of_the_passage_is_not_supported() -> None:
    assert not supported("The big model reaches 64 BLEU points.")


def test_counts_in_words_are_numbers() -> None:
    assert figures("two heads and 8 layers") == {"2", "8"}
    text = "Each layer of the encoder has two sublayers with residual connections."
    assert supported("Each layer of the encoder has 2 sublayers with residual connections.", text)
    assert not supported("Each layer of the encoder has three sublayers with residuals.", text)


def test_denial_does_not_hide_behind_a_neighbour_that_denies() -> None:
    text = "The decoder attends to all positions of the encoder output. It does not see the future."
    assert supported("The decoder attends to all positions of the encoder output.", text)
    assert not supported("The decoder does not attend to all positions of the encoder.", text)


def test_name_that_the_passage_lacks_is_not_supported() -> None:
    assert names("GANs, BERT and XLNet") == {"gan", "bert", "xlnet"}
    text = "The BERT model is trained on books and on the English Wikipedia."
    assert supported("The BERT model is trained on books and Wikipedia.", text)
    assert not supported("The ELMo model is trained on books and the English Wikipedia.", text)


@pytest.mark.parametrize(
    ("sentence", "evidence", "wanted"),
    [
        ("It always helps.", "It often helps.", True),
        ("It helps all models.", "It helps every model.", False),
        ("It reaches the best results.", "It reaches good results.", True),
        ("It often helps.", "It always helps.", False),
    ],
)
def test_strength_beyond_the_evidence_is_noticed(
    sentence: str, evidence: str, wanted: bool
) -> None:
    assert overstates(sentence, evidence) is wanted


def test_overstatement_is_not_supported() -> None:
    text = "Dropout often improves the accuracy of large networks on held-out images."
    assert supported("Dropout often improves accuracy of large networks on images.", text)
    assert not supported("Dropout always improves accuracy of large networks on images.", text)


def test_opposites_turn_a_claim_round_even_where_both_words_occur() -> None:
    assert turns_round(["small", "model"], ["larg", "model"])
    assert turns_round(["larg", "larg"], ["larg", "small"])
    assert not turns_round(["larg", "small"], ["small", "larg"])


def test_replacements_pair_the_words_between_equal_ones() -> None:
    said = "The encoder maps tokens to hidden vectors"
    assert replacements(said, "The encoder maps images to hidden vectors") == [
        ("images", "tokens")
    ]  # fmt: skip
    assert replacements(said, said) == []


def test_term_in_the_place_of_another_is_not_supported() -> None:
    text = "The encoder maps an input sequence to hidden vectors. A decoder writes the output."
    assert not supported("The perplexity maps an input sequence to hidden vectors.", text)
    assert not supported("The decoder maps an input sequence to hidden vectors.", text)


def test_synonym_may_stand_for_a_word_but_a_stranger_may_not() -> None:
    text = "The authors employ byte-pair merges to shorten rare words into known pieces."
    sentence = "The authors apply byte-pair merges to shorten rare words into known pieces."
    assert supported(sentence, text)
    assert supported(sentence, text, embedder=Alike(True))
    assert not supported(sentence, text, embedder=Alike(False))


def test_two_sentences_that_both_add_words_support_one_that_joins_them() -> None:
    assert supported(
        "A softmax turns each row of scores into weights and the big model reaches 28.4 BLEU."
    )


def test_every_window_stands_in_its_text() -> None:
    """Windows become quotes: what was left out between two sentences must not vanish in one."""
    text = (
        "Logits come first.\n- **Misconception.** They sum to one. **Correction.** The softmax "
        "makes them.\n- **Misconception.** It is linear. **Correction.** It is not. Its inputs are."
    )
    whole = " ".join(text.split())
    found = windows(text)
    assert all(window in whole for window in found)
    assert "It is not. Its inputs are." in found
    assert not any("They sum to one" in window or window.startswith("-") for window in found)


def test_denial_does_not_hide_behind_a_neighbour_after_a_list() -> None:
    text = (
        "- Dropout sets random activations to zero.\n- The decoder writes tokens in order.\n"
        "- Adam keeps two moments for each weight.\n- Warm-up raises the rate step by step.\n"
        "- A softmax turns scores into weights for all rows. It does not see their order."
    )
    assert len(windows(text)) == 7, "the case needs fewer pairs than gaps"
    assert supported("A softmax turns scores into weights for all rows.", text)
    assert not supported("A softmax does not turn scores into weights for all rows.", text)
