"""Questions that ask what a thing is lead to where it is introduced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.excerpt import best_sentences
from tutor.ingest.document import Chunk
from tutor.retrieve import Retriever
from tutor.retrieve.companions import with_definition
from tutor.retrieve.definitions import (
    asked_term,
    asks_for_taught_term,
    defined_terms,
    find_definitions,
    introduces,
    told_terms,
)


def chunk(name: str, text: str, section: str = "In short", kind: str = "lesson") -> Chunk:
    return Chunk(
        id=name, doc_id=f"{kind}:{name}", kind=kind, title=name.title(), section=section,
        page=None, text=text, ordinal=0,
    )  # fmt: skip


USED = chunk("maps", "Attention is drawn as a map. Attention maps show attention of each head.")
WRONG = chunk("wrong", "Attention is a proof of meaning.", "What people get wrong")
TOLD = chunk("lookup", "Queries meet keys. Attention is a soft lookup in a dictionary of values.")


@pytest.mark.parametrize(
    ("question", "term"),
    [("What is attention?", ("attent",)), ("what's a token", ("token",)),
     ("Explain the KL divergence.", ("kl", "diverg")), ("What does RAG mean?", ("rag",)),
     ("What is LoRA and why does it save memory?", ("lora",)),
     ("Why is attention scaled?", ()), ("What is the best way to learn about all of this?", ())],
)  # fmt: skip
def test_asked_term(question: str, term: tuple[str, ...]) -> None:
    assert asked_term(question) == term


@pytest.mark.parametrize(
    ("sentence", "terms"),
    [("Attention is a soft lookup.", ["attention"]), ("A token is the unit.", ["token"]),
     ("**LoRA** is a method.", ["LoRA"]), ("A **head** is one of them.", ["head"]),
     ("Byte-pair encoding (BPE) is a way.", ["byte-pair encoding", "BPE"]),
     ("Attention maps show much.", []), ("Attention is quadratic.", []),
     ("The rate is the most important choice.", []), ("Training is the costliest step.", [])],
)  # fmt: skip
def test_defined_terms(sentence: str, terms: list[str]) -> None:
    assert defined_terms(sentence) == [asked_term(f"What is {term}?") for term in terms]


@pytest.mark.parametrize(
    ("sentence", "terms"),
    [("Quantization stores numbers in fewer bits.", ["quantization"]),
     ("A score is made, a softmax turns scores into weights, and all is summed.", ["softmax"]),
     ("Retrieval-augmented generation (RAG) first retrieves passages.",
      ["retrieval-augmented generation", "RAG"]),
     ("Attention maps show much.", []), ("A network maps each word to a vector.", ["network"]),
     ("The softmax turns them into weights.", []), ("Training costs much.", [])],
)  # fmt: skip
def test_told_terms(sentence: str, terms: list[str]) -> None:
    assert told_terms(sentence) == [asked_term(f"What is {term}?") for term in terms]


def test_definition_beats_deed_and_the_terms_own_lesson_another() -> None:
    deed = chunk("other", "Attention joins the values.")
    own = chunk("attention", "Attention mixes. Attention joins the keys.")
    assert find_definitions([deed, TOLD])[("attent",)] == 1
    assert find_definitions([deed, own])[("attent",)] == 1


def test_head_of_a_longer_term_stands_in_where_nothing_else_does() -> None:
    words = chunk("words", "A word embedding is a dense vector.")
    assert find_definitions([words])[("embed",)] == 0
    assert find_definitions([words, chunk("e", "An embedding is one row.")])[("embed",)] == 1


def test_only_a_term_is_introduced() -> None:
    assert introduces("Attention is a soft lookup.", ("attent",))
    assert introduces("Attention joins the values.", ("attent",))
    assert not introduces("Attention is a soft lookup.", ())


def test_what_people_get_wrong_defines_nothing() -> None:
    assert find_definitions([WRONG, TOLD]) == {("attent",): 1}


def test_definition_comes_first_and_is_quoted_first() -> None:
    retriever = Retriever([USED, WRONG, TOLD])
    question = "What is attention?"
    found = retriever.search(question)
    assert found.passages[0].doc_id != "lesson:lookup", "the test needs a search that misses it"
    better = with_definition(retriever, question, found)
    assert better.passages[0].doc_id == "lesson:lookup"
    assert len(better.passages) == len({p.key for p in better.passages})
    assert best_sentences(question, better.passages, None)[0][1].startswith("Attention is a soft")


def test_other_questions_keep_their_passages() -> None:
    retriever = Retriever([USED, WRONG, TOLD])
    found = retriever.search("Why are maps drawn?")
    assert with_definition(retriever, "Why are maps drawn?", found) == found


def test_only_words_of_the_field_are_taught() -> None:
    assert asks_for_taught_term("What is RAG?")
    assert not asks_for_taught_term("What is Paris?")


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(asked_term(text), tuple)
    assert all(defined_terms(text)) and all(told_terms(text))
