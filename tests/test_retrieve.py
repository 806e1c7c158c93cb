"""Retrieval: BM25 alone, fused with dense search, filtered, without near-duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fakes import FakeEmbedder
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from tiny_corpus import tiny_chunks, tiny_retriever

from tutor.ingest.document import Chunk
from tutor.retrieve import Retriever, dense, embedding_text, stages_of, stems, words
from tutor.retrieve.companions import with_opening, with_page
from tutor.retrieve.fuse import fuse
from tutor.retrieve.rerank import WINDOW, best_part, max_sim
from tutor.retrieve.sparse import HELD, PAIRS, WordIndex
from tutor.retrieve.sparse import WINDOW as NEAR

PASSAGE_FIELDS = {"key", "kind", "doc_id", "title", "section", "page", "text", "score"}


class FakeIndex:
    """Cosine over a few vectors, and the filters that were asked for."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks
        self.vectors_ = FakeEmbedder().embed([embedding_text(chunk) for chunk in chunks])
        self.wanted: list[int] = []
        self.compared: list[list[str]] = []

    def vectors(self, ids: Sequence[str]) -> dict[str, Any]:
        self.compared.append(list(ids))
        return {c.id: v for c, v in zip(self.chunks, self.vectors_, strict=True) if c.id in ids}

    def query(self, vector: Any, k: int) -> list[tuple[str, float]]:
        self.wanted.append(k)
        scores = self.vectors_ @ vector
        best = scores.argsort()[::-1][:k]
        return [("orphan", 0.99), *((self.chunks[i].id, float(scores[i])) for i in best)]


@pytest.fixture(scope="module")
def retriever() -> Iterator[Retriever]:
    yield tiny_retriever()


@pytest.fixture
def hybrid() -> tuple[Retriever, FakeIndex]:
    chunks = tiny_chunks()
    index = FakeIndex(chunks)
    return Retriever(chunks, index, FakeEmbedder()), index


def chunk(text: str, n: int, doc_id: str = "file:a", **fields: Any) -> Chunk:
    given = {"id": f"c{n}", "kind": "paper", "title": "T", "section": "S", "page": 1, "ordinal": n}
    return Chunk(doc_id=doc_id, text=text, **(given | fields))


def test_words_and_stems_fold_forms_and_drop_stop_words() -> None:
    assert words("Self-Attention's 2 heads") == ["self", "attention", "s", "2", "heads"]
    assert stems("the divided scores") == stems("dividing a score")
    assert stems("what is the") == []


def test_best_passage_is_about_the_query(retriever: Retriever) -> None:
    found = retriever.search("Why are attention scores divided by the root of the key size?")
    assert found.passages[0].doc_id in {"lesson:self-attention", "arxiv:1706.03762"}
    assert found.similarity is None, "without embeddings there is no similarity"
    assert found.coverage > 0.6
    assert set(found.timings_ms) == {"sparse", "embed", "dense", "rerank", "total"}


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
        def query(self, vector: Any, k: int) -> list[tuple[str, float]]:
            return [("c0", 0.8), ("c1", 0.1)]

    retriever = Retriever(rows, ByMeaning(rows), FakeEmbedder())
    found = retriever.search("cats")
    assert found.passages[0].key == "file:a#c0" and found.similarity == 0.8


def test_filtered_search_compares_what_the_filter_leaves(
    hybrid: tuple[Retriever, FakeIndex],
) -> None:
    retriever, index = hybrid
    retriever.search("attention", paper="1706.03762")
    of_paper = [c.id for c in retriever.chunks if c.doc_id == "arxiv:1706.03762"]
    assert index.compared == [of_paper] and index.wanted == []
    retriever.search("attention", paper="2401.00001")
    assert index.compared == [of_paper] and index.wanted == []


def test_filter_that_leaves_much_asks_the_index_for_more(
    hybrid: tuple[Retriever, FakeIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever, index = hybrid
    monkeypatch.setattr(dense, "EXACT", 0)
    retriever.search("attention")
    found = retriever.search("attention", kind="paper").passages
    assert found and {p.kind for p in found} == {"paper"}
    assert index.wanted[1] > index.wanted[0]


def test_topic_filters(retriever: Retriever) -> None:
    found = retriever.search("attention", topic="multi-head-attention").passages
    topics = {c.doc_id: c.topics for c in retriever.chunks}
    assert found and all("multi-head-attention" in topics[p.doc_id] for p in found)
    assert retriever.search("attention", topic="no-such-topic").passages == ()


def test_section_kind_filters() -> None:
    rows = [
        chunk("foxes reach 41 points", 0, section="4 Experiments"),
        chunk("foxes are trained", 1, section="3 Model"),
        chunk("we thank the foxes", 2, section="Acknowledgments"),
    ]
    found = Retriever(rows).search("foxes", section="results").passages
    assert [p.key for p in found] == ["file:a#c0"]
    assert Retriever(rows).search("foxes", section="limitations").passages == ()


def test_filters_join() -> None:
    rows = [chunk("foxes", 0, section="Results"), chunk("foxes", 1, "file:b", section="Results")]
    found = Retriever(rows).search("foxes", paper="b", section="results").passages
    assert [p.key for p in found] == ["file:b#c1"]


# --- late interaction -------------------------------------------------------------------------


class FakeTokens:
    """Token vectors by id, as the store keeps them."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        _, tokens = FakeEmbedder().embed_tokens([chunk.text for chunk in chunks], frozenset())
        self.rows = {
            c.id: np.rint(t * 127).astype(np.int8) for c, t in zip(chunks, tokens, strict=True)
        }

    def get(self, ids: Sequence[str]) -> dict[str, Any]:
        return {key: self.rows[key] for key in ids if key in self.rows}


def test_reranking_prefers_the_passage_that_matches_every_word() -> None:
    # Averaged over the passage, "red fox" is lost in the second; each of its words is there.
    rows = [
        chunk("fox fox fox fox fox fox den", 0),
        chunk("red fox beside many other words of no use here at all", 1, "file:b"),
    ]
    index = FakeIndex(rows)
    without = Retriever(rows, index, FakeEmbedder()).search("red fox")
    within = Retriever(rows, index, FakeEmbedder(), FakeTokens(rows)).search("red fox")
    assert within.passages[0].key == "file:b#c1"
    gap = {p.key: p.score for p in without.passages}
    assert within.passages[0].score - within.passages[1].score > gap["file:b#c1"] - gap["file:a#c0"]


def test_missing_token_vectors_leave_words_and_meaning() -> None:
    rows = [chunk("red fox", 0), chunk("red den", 1), chunk("grey wolf", 2)]
    store = FakeTokens(rows)
    plain = Retriever(rows, FakeIndex(rows), FakeEmbedder()).search("red fox").passages
    del store.rows["c1"]  # the library has got that far
    found = Retriever(rows, FakeIndex(rows), FakeEmbedder(), store).search("red fox").passages
    assert found == plain


def test_passage_found_by_words_alone_keeps_its_similarity() -> None:
    class Nothing(FakeIndex):
        def query(self, vector: Any, k: int) -> list[tuple[str, float]]:
            return []

    rows = [chunk("red fox", 0), chunk("grey wolf", 1)]
    found = Retriever(rows, Nothing(rows), FakeEmbedder()).search("fox")
    assert [p.key for p in found.passages] == ["file:a#c0"]
    assert found.similarity is not None and found.similarity > 0


def test_max_sim_weighs_the_best_matches() -> None:
    query = np.eye(3, dtype=np.float32)[:2] * [[0.75], [0.25]]
    both = np.array([[127, 0, 0], [0, 127, 0]], dtype=np.int8)
    half = np.array([[127, 0, 0], [0, 0, 127]], dtype=np.int8)
    none = np.zeros((0, 3), dtype=np.int8)
    assert max_sim(query, {4: both, 7: half, 9: none}) == {4: 1.0, 7: 0.75}
    assert max_sim(query[:0], {4: both}) == {} and max_sim(query, {}) == {}


def test_best_part_finds_the_sentence_that_drowns_in_the_whole() -> None:
    query = np.array([[0.6, 0, 0], [0.4, 0, 0]], dtype=np.float32)
    asked, other = np.tile([127, 0, 0], (WINDOW, 1)), np.tile([0, 127, 0], (5 * WINDOW, 1))
    buried = np.concatenate([other, asked, other]).astype(np.int8)
    spread = np.tile([[127, 0, 0], [0, 127, 0]], (WINDOW, 1)).astype(np.int8)
    short = np.array([[90, 90, 0]], dtype=np.int8)
    found = best_part(query, {4: buried, 5: spread, 6: short, 9: buried[:0]})
    assert found == {4: pytest.approx(1), 5: pytest.approx(0.5**0.5), 6: pytest.approx(0.5**0.5)}
    assert best_part(query[:0], {4: buried}) == {} and best_part(query, {}) == {}


@runs(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3 * WINDOW), min_size=1, max_size=4))
def test_best_part_of_each_passage_is_its_own(lengths: list[int]) -> None:
    drawn = np.random.default_rng(len(lengths))
    query = drawn.normal(size=(3, 4)).astype(np.float32)
    rows = {i: drawn.integers(-127, 128, (n, 4)).astype(np.int8) for i, n in enumerate(lengths)}
    together = best_part(query, rows)
    alone = {i: best_part(query, {i: row})[i] for i, row in rows.items()}
    assert together == pytest.approx(alone, abs=1e-5)


def test_fusion_weighs_scaled_scores_and_skips_what_found_nothing() -> None:
    joined = fuse([(0.25, {1: 10.0, 2: 0.0}), (0.75, {2: 0.9, 3: 0.1})])
    assert joined == {
        1: pytest.approx(0.25), 2: pytest.approx(0.25 * 0.05 + 0.75), 3: pytest.approx(0.75 * 0.05)
    }  # fmt: skip
    assert fuse([(0.5, {1: 3.0}), (0.5, {})]) == fuse([(1.0, {1: 3.0})])
    assert fuse([]) == {}


@runs(max_examples=50, deadline=None)
@given(st.dictionaries(st.integers(0, 9), st.floats(-5, 5)), st.floats(0.01, 1))
def test_fused_scores_stay_between_0_and_1(scores: dict[int, float], weight: float) -> None:
    joined = fuse([(weight, scores), (1 - weight, {3: 1.0})])
    assert all(0 <= value <= 1 + 1e-9 for value in joined.values())


def test_opening_of_the_best_lesson_is_put_beside_it(retriever: Retriever) -> None:
    found = retriever.search("misconception causal mask after the softmax weights", kind="lesson")
    best = found.passages[0]
    assert best.section != "In short", "the case needs a passage from inside a lesson"
    opened = with_opening(retriever, found)
    assert opened.passages[0] == best
    assert opened.passages[1].section == "In short"
    assert opened.passages[1].doc_id == best.doc_id
    assert len({p.key for p in opened.passages}) == len(opened.passages)


def test_opening_is_left_alone_without_a_lesson_near_the_top(retriever: Retriever) -> None:
    papers = retriever.search("attention", kind="paper")
    assert with_opening(retriever, papers) == papers
    lesson = retriever.search("attention", kind="lesson").passages[0]
    fake = tuple(replace(papers.passages[0], key=f"k{n}") for n in range(3))
    buried = replace(papers, passages=(*fake, lesson))
    assert with_opening(retriever, buried) == buried


def test_note_on_a_paper_comes_with_a_page_of_its_full_text(retriever: Retriever) -> None:
    note = next(c for c in retriever.chunks if c.doc_id == "arxiv:1706.03762")
    page = replace(
        note, id=note.id + "p7", page=7, section="Training",
        text="We trained on eight GPUs, with dropout and label smoothing of 0.1.",
    )  # fmt: skip
    question = "Which problem does Attention Is All You Need solve?"
    found = replace(retriever.search(question), passages=(retriever.search(note.text).passages[0],))
    assert found.passages[0].page is None and found.passages[0].doc_id == note.doc_id
    assert with_page(retriever, question, found) == found, "there is no full text yet"
    full = Retriever([*retriever.chunks, page])
    beside = with_page(full, "on how many GPUs was it trained", found)
    assert [p.page for p in beside.passages] == [None, 7]
    assert with_page(full, "on how many GPUs was it trained", beside) == beside


def test_words_that_stand_together_earn_more() -> None:
    texts = ["gradient noise descent", "descent of the gradient", "gradient descent", "gradient"]
    index = WordIndex(texts)
    earned = index.agreement("gradient descent", [0, 1, 2, 3])
    assert earned[2] > earned[0] == earned[1] > earned[3] > 0.0
    assert index.agreement("zebra", [0, 1]) == {0: 0.0, 1: 0.0}
    assert index.agreement("gradient descent", []) == {}


def test_a_text_that_holds_more_of_the_question_agrees_more_than_one_that_repeats_a_word() -> None:
    index = WordIndex(["noise noise noise noise", "noise of the gradient", "steps", "batches"])
    earned = index.agreement("gradient steps noise", [0, 1, 2, 3])
    assert earned[1] > earned[0] > earned[3] == 0.0


WORDS = st.lists(st.sampled_from(["cat", "dog", "owl", "fox", "hen"]), max_size=20)


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_agreement_is_that_of_a_plain_search(texts: list[list[str]], asked: list[str]) -> None:
    index = WordIndex(" ".join(text) for text in texts)
    wanted = [word for word in dict.fromkeys(asked) if word in index._idf]

    def earned(text: list[str]) -> float:
        total = HELD * sum(index._idf[word] for word in wanted if word in text)
        for one, two in pairwise(wanted):
            first = [i for i, word in enumerate(text) if word == one]
            apart = {j - i for i in first for j, word in enumerate(text) if word == two}
            near = any(abs(step) <= NEAR for step in apart)
            total += PAIRS * min(index._idf[one], index._idf[two]) * (near + (1 in apart)) / 2
        return total

    expected = {i: pytest.approx(earned(text)) for i, text in enumerate(texts)}
    assert index.agreement(" ".join(asked), range(len(texts))) == expected


def test_words_of_the_title_count_twice() -> None:
    body = chunk("Zebras.", 1, title="Grass")
    title = chunk("Grass.", 2, "file:b", title="Zebras")
    assert Retriever([body, title]).search("zebras").passages[0].text == "Grass."
