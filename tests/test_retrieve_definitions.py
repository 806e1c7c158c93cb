"""Questions that ask what a thing is lead to where it is introduced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.excerpt import best_sentences
from tutor.ingest.document import Chunk
from tutor.retrieve import Retriever
from tutor.retrieve.definitions import (
    asked_term,
    asks_for_taught_term,
    defined_term,
    find_definitions,
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
    ("sentence", "term"),
    [("Attention is a soft lookup.", ("attent",)), ("A token is the unit.", ("token",)),
     ("**LoRA** is a method.", ("lora",)), ("Byte-pair encoding (BPE) is a way.", None),
     ("Attention maps show much.", ()), ("Attention is quadratic.", ())],
)  # fmt: skip
def test_defined_term(sentence: str, term: tuple[str, ...] | None) -> None:
    assert defined_term(sentence) == (
        asked_term("What is byte-pair encoding?") if term is None else term
    )


def test_what_people_get_wrong_defines_nothing() -> None:
    assert find_definitions([WRONG, TOLD]) == {("attent",): 1}


def test_definition_comes_first_and_is_quoted_first() -> None:
    retriever = Retriever([USED, WRONG, TOLD])
    question = "What is attention?"
    found = retriever.search(question)
    assert found.passages[0].doc_id != "lesson:lookup", "the test needs a search that misses it"
    better = retriever.with_definition(question, found)
    assert better.passages[0].doc_id == "lesson:lookup"
    assert len(better.passages) == len({p.key for p in better.passages})
    assert best_sentences(question, better.passages, None)[0][1].startswith("Attention is a soft")


def test_other_questions_keep_their_passages() -> None:
    retriever = Retriever([USED, WRONG, TOLD])
    found = retriever.search("Why are maps drawn?")
    assert retriever.with_definition("Why are maps drawn?", found) == found


def test_only_words_of_the_field_are_taught() -> None:
    assert asks_for_taught_term("What is RAG?")
    assert not asks_for_taught_term("What is Paris?")


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(asked_term(text), tuple)
    assert isinstance(defined_term(text), tuple)
