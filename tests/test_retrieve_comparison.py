"""Questions that compare papers: each is retrieved, and each is quoted."""

from __future__ import annotations

import pytest
from tiny_corpus import NOTES, a_passage, tiny_retriever, tiny_tutor

from tutor.answer import Answer
from tutor.excerpt import best_sentences
from tutor.retrieve.comparison import compared_papers, with_compared
from tutor.settings import Settings

TITLES = {
    "arxiv:1706.03762": "Attention Is All You Need",
    "arxiv:1810.04805": "BERT: Pre-training of Deep Bidirectional Transformers",
    "arxiv:2106.09685": "LoRA: Low-Rank Adaptation of Large Language Models",
    "arxiv:1412.6980": "Adam: A Method for Stochastic Optimization",
    "arxiv:1711.05101": "Decoupled Weight Decay Regularization",
    "file:1": "FoxNet: Foxes in the Snow",
}


@pytest.mark.parametrize(
    ("question", "papers"),
    [
        ("Compare LoRA and Adam's memory use", ["2106.09685", "1412.6980"]),
        ("How does AdamW differ from Adam?", ["1711.05101", "1412.6980"]),
        ("bert vs. attention is all you need", ["1810.04805", "1706.03762"]),
        ("Is FoxNet better than BERT?", ["file:1", "1810.04805"]),
        ("What do Adam, LoRA and BERT have in common?", ["1412.6980", "2106.09685", "1810.04805"]),
    ],
)
def test_compared_papers_are_recognised(question: str, papers: list[str]) -> None:
    wanted = tuple(name if ":" in name else f"arxiv:{name}" for name in papers)
    assert compared_papers(question, TITLES) == wanted


@pytest.mark.parametrize(
    "question",
    [
        "What is BERT?", "Compare BERT with what came before", "Explain Adam and LoRA",
        "How do encoders and decoders differ?", "Compare BERT and BERT", "",
    ],
)  # fmt: skip
def test_other_questions_compare_no_papers(question: str) -> None:
    assert compared_papers(question, TITLES) == ()


def test_each_compared_paper_is_among_the_first_passages() -> None:
    retriever = tiny_retriever()
    question = "How does BERT differ from Attention Is All You Need?"
    plain = retriever.search(question)
    found = with_compared(retriever, question, plain)
    assert {f"arxiv:{name}" for name in NOTES} <= {p.doc_id for p in found.passages[:3]}
    assert {p.key for p in plain.passages} <= {p.key for p in found.passages}, "a passage is lost"
    assert len({p.key for p in found.passages}) == len(found.passages)
    assert with_compared(retriever, "What is BERT?", plain) is plain


def test_each_compared_paper_is_quoted_however_far_the_other_leads() -> None:
    near = "BERT masks fifteen percent of the words of its training text and learns to guess them."
    passages = [
        a_passage(f"{near} {near.replace('fifteen', 'many')} BERT masks words at random places.",
                  1, kind="paper", doc_id="arxiv:1810.04805", title="BERT", score=1.0),
        a_passage("Gradients are divided by a running estimate of their size in every step.",
                  2, kind="paper", doc_id="arxiv:1412.6980", title="Adam: A Method", score=0.1),
    ]  # fmt: skip
    chosen = best_sentences("How do BERT and Adam differ in masking words?", passages, None)
    assert {passage for passage, _ in chosen} == {0, 1}


def test_answer_without_a_model_cites_both(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tutor = tiny_tutor(settings, monkeypatch)
    [*_, answer] = tutor.ask("Compare BERT and the paper Attention Is All You Need")
    assert isinstance(answer, Answer) and not answer.refused
    assert {f"arxiv:{name}" for name in NOTES} <= {c.doc_id for c in answer.citations}
