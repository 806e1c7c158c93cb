"""Citations: entries of reference lists, and the known papers that they mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.papers import load_papers
from tutor.library.citations import CitationGraph, Known, Matcher

VASWANI = Known(
    "arxiv:1706.03762", "Attention Is All You Need", ("Ashish Vaswani", "et al."), 2017,
    "1706.03762",
)  # fmt: skip
ADAM = Known(
    "arxiv:1412.6980", "Adam: A Method for Stochastic Optimization",
    ("Diederik P. Kingma", "Jimmy Ba"), 2014, "1412.6980",
)  # fmt: skip
BERT = Known(
    "arxiv:1810.04805", "BERT: Pre-training of Deep Bidirectional Transformers for Language "
    "Understanding", ("Jacob Devlin",), 2018, "1810.04805",
)  # fmt: skip
LSTM = Known("file:1", "LONG SHORT-TERM MEMORY", ("Sepp Hochreiter",), 1997, doi="10.1162/neco.1")
BENGIO = Known("file:2", "A Neural Probabilistic Language Model", ("bengioy iro",), 2003)
MATCHER = Matcher([VASWANI, ADAM, BERT, LSTM, BENGIO])


@pytest.mark.parametrize(
    ("entry", "papers"),
    [
        ("[1] A. Vaswani, N. Shazeer. Attention is all you need. In NIPS, 2017.", [VASWANI]),
        ("[VSP+17] Vaswani et al. “Attention Is All You Need”. arXiv:1706.03762", [VASWANI]),
        ("Vaswani, A. Attention is all you need. CoRR, abs/1706.03762, 2017.", [VASWANI]),
        ("Kingma, D. and Ba, J. Adam: A method for stochastic optimization. ICLR, 2015.", [ADAM]),
        ("D. Kingma and J. Ba. A method for stochastic optimization. 2014.", [ADAM]),
        ("Devlin, J. Bert: Pretraining of deep bidirectional trans- formers for language "
         "understanding. 2019", [BERT]),
        ("Somebody. Nothing of that name. arXiv preprint arXiv:1810.04805v2, 2018.", [BERT]),
        ("S. Hochreiter and J. Schmidhuber. Long short-term memory. Neural Computation.", [LSTM]),
        ("Hochreiter. Langes Gedächtnis. doi:10.1162/NECO.1.", [LSTM]),
        ("Bengio, Y. (2003). A neural probabilistic language model. JMLR, 3.", [BENGIO]),
        ("Vaswani. Attention is all you need. 2017. [2] Kingma. Adam: A method for stochastic "
         "optimization. 2015.", [VASWANI, ADAM]),
    ],
)  # fmt: skip
def test_entry_means_the_paper(entry: str, papers: list[Known]) -> None:
    assert set(MATCHER.match(entry)) == set(papers)


@pytest.mark.parametrize(
    "entry",
    [
        "C. Subakan. Attention is all you need in speech separation. ICASSP, 2021.",
        "A. Vaswani. Attention is all you need in another field. 2019.",
        "J. Cheng, S. Hochreiter. Long short-term memory-networks for machine reading. 2016.",
        "A. Mnih. A fast and simple algorithm for training neural probabilistic language models.",
        "Vaswani. Attention is all you need. arXiv:2401.00001.",
        "Schmidt. Long short-term memory. 1999.",
        "",
        "[17]",
    ],
)
def test_entry_that_means_none_of_them(entry: str) -> None:
    assert MATCHER.match(entry) == ()


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_entry_breaks_the_matcher(entry: str) -> None:
    assert set(MATCHER.match(entry)) <= {VASWANI, ADAM, BERT, LSTM, BENGIO}


def test_graph_has_both_directions_and_no_paper_cites_itself() -> None:
    lists = {
        BERT.doc_id: ["Vaswani. Attention is all you need. 2017.", "J. Devlin. BERT: Pre-training "
                      "of deep bidirectional transformers for language understanding. 2018."],
        VASWANI.doc_id: ["Kingma. Adam: A method for stochastic optimization. 2015."],
    }  # fmt: skip
    graph = CitationGraph([VASWANI, ADAM, BERT, LSTM], lists)
    middle = graph.citations("1706.03762")
    assert [paper.doc_id for paper in middle.cites] == [ADAM.doc_id]
    assert [paper.title for paper in middle.cited_by] == [BERT.title]
    assert [paper.doc_id for paper in graph.citations(BERT.doc_id).cites] == [VASWANI.doc_id]
    assert middle.references == 1 and graph.citations(LSTM.doc_id).references == 0
    assert graph.citations("nothing").to_dict() == {"cites": (), "cited_by": (), "references": 0}


def test_real_reference_list_names_the_papers_it_cites(shared: Path) -> None:
    from tutor.ingest.worker import parse

    papers = [Known(f"arxiv:{p.id}", p.title, p.authors, p.year, p.id)
              for p in load_papers().values()]  # fmt: skip
    document = parse(shared / "papers" / "2003.10555_electra.pdf")
    graph = CitationGraph(papers, {document.doc_id: document.references})
    cited = {paper.doc_id for paper in graph.citations(document.doc_id).cites}
    expected = ("1706.03762", "1810.04805", "1907.11692", "1906.08237", "1301.3781")
    assert {f"arxiv:{name}" for name in expected} <= cited
    assert "arxiv:2003.10555" not in cited and "arxiv:2005.14165" not in cited
