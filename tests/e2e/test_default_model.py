"""One pass with the model that Tutor chooses for this machine: an answer and a summary hold."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from pdf_maker import column, make_pdf

from tutor.answer import Answer, answer_question
from tutor.ingest.corpus import corpus_documents
from tutor.ingest.quotes import quote_on_page
from tutor.ingest.worker import parse
from tutor.models.catalog import choose_model
from tutor.models.llm import LLM
from tutor.models.serve import ModelServer
from tutor.retrieve import Retriever
from tutor.retrieve.companions import with_opening
from tutor.settings import Settings
from tutor.summarize import summarize

PAGES = (
    "Abstract. Fine-tuning large language models updates every weight, which costs much memory. "
    "We propose sparse tuning, a method that updates only the two layers nearest to the output. "
    "Sparse tuning reaches 91.2% accuracy on sentiment classification with 4% of the weights. "
    "Existing methods need to store the gradients of all layers, and this limits batch sizes.",
    "Method. Our method freezes the embedding and the first ten layers of the network. "
    "We train the remaining two layers with the Adam optimizer for three epochs. "
    "Results. Our results show that sparse tuning uses 5.1 GB of memory instead of 14.3 GB. "
    "Limitations. A limitation of our study is that only one model size was tested. "
    "Future work should test sparse tuning on translation and summarization tasks.",
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    """The default model behind the real vLLM, with lent files where there are any."""
    home = tmp_path_factory.mktemp("default")
    if lent := os.environ.get("TUTOR_TEST_HOME"):
        for name in ("models", "cache"):
            (home / name).symlink_to(Settings(home=Path(lent)).folder(name))
    settings = Settings(home=home)
    server = ModelServer(settings)
    server.start()
    assert server.wait_ready(2000), server.status.detail
    model = server.llm()
    assert model is not None
    assert model.name == choose_model(settings).name
    yield model
    server.stop()


def test_answer_streams_and_cites_what_was_retrieved(llm: LLM) -> None:
    chunks = [chunk for _, chunks in corpus_documents() for chunk in chunks]
    retriever = Retriever(chunks)
    retrieval = with_opening(retriever, retriever.search("What is perplexity of a language model?"))
    *deltas, answer = answer_question("What is perplexity?", retrieval, llm=llm)
    assert deltas, "the model's draft did not stream"
    assert isinstance(answer, Answer)
    assert answer.citations
    texts = {passage.key: passage.text for passage in retrieval.passages}
    for citation in answer.citations:
        assert citation.key in texts
        assert " ".join(citation.quote.split()) in " ".join(
            texts[citation.key].replace("**Correction.**", "").split()
        )


def test_summary_quotes_stand_on_their_pages(llm: LLM, tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf([column(textwrap.wrap(text, 90)) for text in PAGES], "Sparse Tuning"))
    document = parse(path)
    summary = summarize(document, llm)
    points = [*summary.problem, *summary.method, *summary.results, *summary.limitations]
    assert points
    # A small model's restatements may all fail the check; then the summary quotes, and says so.
    assert summary.model in (llm.name, "extractive")
    for point in points:
        assert point.page is not None and point.quote is not None
        assert quote_on_page(point.quote, document.page_texts[point.page - 1])
