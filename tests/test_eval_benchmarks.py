"""The benchmarks: figures by hand, loaders over tiny data, baselines and cache."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeEmbedder

from eval import vectors
from eval.benchmarks import (
    Baselines,
    K,
    Query,
    load_qasper,
    load_scifact,
    measure,
    ndcg,
    recall,
)
from eval.vectors import embed_chunks
from tutor.settings import Settings


def test_ndcg_and_recall_by_hand() -> None:
    assert ndcg(["a", "b"], frozenset("a")) == 1.0
    assert ndcg(["b", "a"], frozenset("a")) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg(["a", "x", "b"], frozenset("ab")) == pytest.approx(0.9197, abs=1e-4)
    assert ndcg([], frozenset("a")) == 0.0
    assert recall(["a", "x"], frozenset("ab")) == 0.5
    late = [f"x{n}" for n in range(K)] + ["a"]
    assert ndcg(late, frozenset("a")) == recall(late, frozenset("a")) == 0.0


def write(path: Path, *rows: dict[str, Any]) -> None:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")


@pytest.fixture
def scifact(tmp_path: Path) -> Path:
    write(
        tmp_path / "corpus.jsonl",
        {"_id": "1", "title": "Red foxes", "text": "Foxes hunt mice at night."},
        {"_id": "2", "title": "Blue whales", "text": "Whales eat krill."},
    )
    write(
        tmp_path / "queries.jsonl",
        {"_id": "7", "text": "Foxes hunt mice."},
        {"_id": "8", "text": "Nothing is known of this."},
    )
    (tmp_path / "qrels_test.tsv").write_text("query-id\tcorpus-id\tscore\n7\t1\t1\n8\t2\t0\n")
    return tmp_path


@pytest.fixture
def qasper(tmp_path: Path) -> Path:
    long = " ".join(f"Sentence {n} speaks of owls and voles in the night." for n in range(60))
    rows = [long, "The corpus has 41 foxes.", "We thank the whales."]
    write(tmp_path / "papers.jsonl", {"paper_id": "p", "title": None, "paragraphs": rows})
    write(
        tmp_path / "questions.jsonl",
        {"paper_id": "p", "question": "How many foxes has the corpus?", "gold": [1]},
    )
    return tmp_path


def context(home: Path) -> Any:
    return SimpleNamespace(
        tutor=SimpleNamespace(settings=Settings(home=home), embedder=FakeEmbedder)
    )


def test_scifact_keeps_claims_with_evidence(scifact: Path) -> None:
    benchmark = load_scifact(scifact)
    assert benchmark.queries == [Query("Foxes hunt mice.", None, frozenset("1"))]
    assert [benchmark.item_of[chunk.id] for chunk in benchmark.chunks] == ["1", "2"]


def test_scifact_abstracts_are_cut_as_papers_are(scifact: Path) -> None:
    long = " ".join(f"Sentence {n} speaks of owls and voles in the night." for n in range(60))
    write(scifact / "corpus.jsonl", {"_id": "1", "title": "Foxes", "text": long})
    chunks = load_scifact(scifact).chunks
    assert len(chunks) > 1 and {chunk.doc_id for chunk in chunks} == {"1"}
    assert {(chunk.title, chunk.section) for chunk in chunks} == {("Foxes", "")}


def test_qasper_paragraphs_are_cut_and_lead_back(qasper: Path) -> None:
    benchmark = load_qasper(qasper)
    assert benchmark.papers == {"p": ["p/0", "p/1", "p/2"]}
    assert len(benchmark.chunks) > 3, "the long paragraph is one passage"
    assert {benchmark.item_of[chunk.id] for chunk in benchmark.chunks} == set(benchmark.texts)
    assert benchmark.queries[0].relevant == {"p/1"}


def test_measure_gives_figures_with_baselines_and_embeds_once(
    scifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = load_scifact(scifact)
    first = measure(context(tmp_path), benchmark)
    assert [metric.name for metric in first[:2]] == ["SciFact nDCG@10", "SciFact Recall@10"]
    assert first[0].value == first[0].baseline == 1.0 and "BM25 1.000" in first[0].note
    asked: list[int] = []
    plain = FakeEmbedder.embed
    monkeypatch.setattr(
        FakeEmbedder, "embed", lambda self, texts: asked.append(len(texts)) or plain(self, texts)
    )
    monkeypatch.setattr(
        FakeEmbedder, "embed_tokens", lambda self, texts: (plain(self, texts), [[]])
    )
    measure(context(tmp_path), benchmark)
    assert set(asked) == {1}, "texts were embedded again"


def test_stopped_embedding_goes_on_where_it_was(
    scifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BATCH", 1)
    chunks = load_scifact(scifact).chunks
    plain, asked = FakeEmbedder.embed_tokens, []

    def stopped(self: Any, texts: Any, without: Any = None) -> Any:
        asked.extend(texts)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return plain(self, texts, without)

    monkeypatch.setattr(FakeEmbedder, "embed_tokens", stopped)
    with pytest.raises(KeyboardInterrupt):
        embed_chunks(context(tmp_path), "SciFact", chunks, FakeEmbedder())
    index, store = embed_chunks(context(tmp_path), "SciFact", chunks, FakeEmbedder())
    assert ["foxes" in text for text in asked] == [True, False, False], "the first came again"
    ids = [chunk.id for chunk in chunks]
    assert set(index.vectors(ids)) == set(store.get(ids)) == set(ids)
    store.close()
    files = [path.suffix for path in (tmp_path / "cache" / "eval").iterdir() if path.is_file()]
    assert files == [".npy"], "a part was left"


def test_baselines_rank_within_the_paper(qasper: Path, tmp_path: Path) -> None:
    benchmark = load_qasper(qasper)
    baselines = Baselines(context(tmp_path), benchmark, FakeEmbedder())
    query = benchmark.queries[0]
    assert baselines.words(query)[0] == "p/1"
    assert baselines.words(Query("zzz", "p", frozenset())) == []
    assert set(baselines.dense(query)) == set(benchmark.texts)
    assert baselines.rrf(query)[0] == "p/1"
