"""Retrieval: BM25 alone, fused with dense search, filtered, without near-duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeEmbedder
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from tiny_corpus import tiny_chunks, tiny_retriever

from tutor.ingest.document import Chunk
from tutor.retrieve import Retriever, embedding_text, stages_of, stems, words

PASSAGE_FIELDS = {"key", "kind", "doc_id", "title", "section", "page", "text", "score"}


class FakeIndex:
    """Cosine over a few vectors, and the filters that were asked for."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks
        self.vectors = FakeEmbedder().embed([embedding_text(chunk) for chunk in chunks])
        self.filters: list[Any] = []
        self.wanted: list[int] = []

    def query(self, vector: Any, k: int, where: Any = None) -> list[tuple[str, float]]:
        self.filters.append(where)
        self.wanted.append(k)
        scores = self.vectors @ vector
        best = scores.argsort()[::-1][:k]
        return [("orphan", 0.99), *((self.chunks[i].id, float(scores[i])) for i in best)]


@pytest.fixture(scope="module")
def retriever() -> Iterator[Retriever]:
    yield tiny_retriever()


@pytest.fixture
def hybrid() -> tuple[Retriever, FakeIndex]:
    chunks = tiny_chunks()
    index = FakeIndex(chunks)
    return Retriever(chunks, index, FakeEmbedder()), index  # type: ignore[arg-type]


def chunk(text: str, n: int, doc_id: str = "file:a", **fields: Any) -> Chunk:
    given = {"kind": "paper", "title": "T", "section": "S", "page": 1, "ordinal": n}
    return Chunk(id=f"c{n}", doc_id=doc_id, text=text, **(given | fields))


def test_words_and_stems_fold_forms_and_drop_stop_words() -> None:
    assert words("Self-Attention's 2 heads") == ["self", "attention", "s", "2", "heads"]
    assert stems("the divided scores") == stems("dividing a score")
    assert stems("what is the") == []


def test_best_passage_is_about_the_query(retriever: Retriever) -> None:
    found = retriever.search("Why are attention scores divided by the root of the key size?")
    assert found.passages[0].doc_id in {"lesson:self-attention", "arxiv:1706.03762"}
    assert found.similarity is None, "without embeddings there is no similarity"
    assert found.coverage > 0.6
    assert set(found.timings_ms) == {"sparse", "dense", "total"}


def test_passages_have_the_fields_of_the_contract(retriever: Retriever) -> None:
    rows = [p.to_dict() for p in retriever.search("attention").passages]
    assert rows and all(set(row) == PASSAGE_FIELDS for row in rows)
    assert all(0 <= row["score"] <= 1 for row in rows)
    assert len({row["key"] for row in rows}) == len(rows), "a passage is there twice"


@pytest.mark.parametrize("kind", ["lesson", "paper"])
def test_kind_filters(retriever: Retriever, kind: str) -> None:
    found = retriever.search("attention", kind=kind).passages
    assert found and {p.kind for p in found} == {kind}


def test_stage_filters_papers_by_each_of_their_topics(retriever: Retriever) -> None:
    by_id = {c.doc_id: stages_of(c) for c in retriever.chunks}
    assert len(by_id["arxiv:1706.03762"]) > 1, "the case needs a paper of several stages"
    for stage in by_id["arxiv:1706.03762"]:
        found = {
            p.doc_id for p in retriever.search("attention weights", k=50, stage=stage).passages
        }
        assert "arxiv:1706.03762" in found
        assert all(stage in by_id[doc_id] for doc_id in found)
    found = {p.doc_id for p in retriever.search("attention weights", k=50, stage=1).passages}
    assert found == {"lesson:neural-networks"}


@pytest.mark.parametrize("name", ["arxiv:1706.03762", "1706.03762"])
def test_paper_filters_by_document_or_arxiv_id(retriever: Retriever, name: str) -> None:
    found = retriever.search("attention", paper=name).passages
    assert found and {p.doc_id for p in found} == {"arxiv:1706.03762"}


def test_unknown_paper_finds_nothing(retriever: Retriever) -> None:
    assert retriever.search("attention", paper="2401.00001").passages == ()


@pytest.mark.parametrize("query", ["", "   ", "zzqx qqfoo", "the of and", "\ud800", "?" * 5000])
def test_query_without_known_words_finds_nothing(retriever: Retriever, query: str) -> None:
    found = retriever.search(query)
    assert found.passages == () and found.coverage == 0.0


def test_empty_library_finds_nothing() -> None:
    found = Retriever([]).search("attention")
    assert found.passages == () and found.coverage == 0.0


@runs(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.integers(1, 12))
def test_any_query_gives_at_most_k(query: str, k: int) -> None:
    found = Retriever([chunk(f"word{n} shared", n) for n in range(20)]).search(query, k)
    assert len(found.passages) <= k


def test_near_duplicates_are_left_out() -> None:
    text = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
    found = Retriever([chunk(text, 0), chunk(f"{text} ", 1), chunk("alpha only", 2)]).search(
        "alpha", 10
    )
    assert {p.key for p in found.passages} in (
        {"file:a#c0", "file:a#c2"},
        {"file:a#c1", "file:a#c2"},
    )


def test_fourth_passage_of_a_document_waits_for_other_documents() -> None:
    rows = [chunk(f"fox fox fox note {'abcdef'[n]}{n} x{n} y{n}", n) for n in range(5)]
    rows.append(chunk("a fox in a long text about many other things than that", 9, "file:b"))
    found = Retriever(rows).search("fox", 4).passages
    assert [p.doc_id for p in found].count("file:a") == 3
    assert found[3].doc_id == "file:b"


def test_documents_that_waited_fill_up_where_there_is_no_other() -> None:
    rows = [chunk(f"fox {'abcdef'[n] * 3} x{n} y{n}", n) for n in range(5)]
    assert len(Retriever(rows).search("fox", 5).passages) == 5


def test_dense_search_adds_similarity_and_drops_orphans(
    hybrid: tuple[Retriever, FakeIndex],
) -> None:
    retriever, _ = hybrid
    found = retriever.search("query key value vectors")
    assert found.similarity is not None and found.similarity < 0.99, "an orphan's score was counted"
    assert "orphan" not in {p.key.partition("#")[2] for p in found.passages}


def test_dense_search_finds_what_shares_no_word() -> None:
    rows = [chunk("feline animals purr", 0), chunk("engines roar", 1)]

    class ByMeaning(FakeIndex):
        def query(self, vector: Any, k: int, where: Any = None) -> list[tuple[str, float]]:
            return [("c0", 0.8), ("c1", 0.1)]

    retriever = Retriever(rows, ByMeaning(rows), FakeEmbedder())  # type: ignore[arg-type]
    found = retriever.search("cats")
    assert found.passages[0].key == "file:a#c0" and found.similarity == 0.8


def test_dense_filters_by_document_kind_and_asks_for_more_with_a_stage(
    hybrid: tuple[Retriever, FakeIndex],
) -> None:
    retriever, index = hybrid
    retriever.search("x attention")
    retriever.search("attention", kind="paper")
    retriever.search("attention", paper="1706.03762")
    retriever.search("attention", paper="2401.00001")
    retriever.search("attention", stage=3)
    assert index.filters == [
        None,
        {"kind": "paper"},
        {"doc_id": {"$in": ["arxiv:1706.03762"]}},
        {"doc_id": {"$in": ["-"]}},
        None,
    ]
    assert index.wanted[4] > index.wanted[0], "a stage filters afterwards, so more are fetched"


def test_opening_of_the_best_lesson_is_put_beside_it(retriever: Retriever) -> None:
    found = retriever.search("misconception causal mask after the softmax weights", kind="lesson")
    best = found.passages[0]
    assert best.section != "In short", "the case needs a passage from inside a lesson"
    opened = retriever.with_opening(found)
    assert opened.passages[0] == best
    assert opened.passages[1].section == "In short"
    assert opened.passages[1].doc_id == best.doc_id
    assert len({p.key for p in opened.passages}) == len(opened.passages)


def test_opening_is_left_alone_without_a_lesson_near_the_top(retriever: Retriever) -> None:
    papers = retriever.search("attention", kind="paper")
    assert retriever.with_opening(papers) == papers
    lesson = retriever.search("attention", kind="lesson").passages[0]
    fake = tuple(replace(papers.passages[0], key=f"k{n}") for n in range(3))
    buried = replace(papers, passages=(*fake, lesson))
    assert retriever.with_opening(buried) == buried
