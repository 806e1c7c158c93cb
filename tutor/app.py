"""The composition root: builds the parts from Settings and joins them. UI and CLI stand on it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corpus.papers import load_papers
from tutor.answer import Answer, answer_question
from tutor.errors import ModelError, NetworkError, NotFoundError, TutorError
from tutor.ingest.arxiv import ArxivClient, parse_arxiv_id
from tutor.learner.store import Store, open_store
from tutor.library import Library, Progress
from tutor.retrieve import Retrieval
from tutor.retrieve.companions import with_definition, with_opening, with_page
from tutor.retrieve.comparison import with_compared
from tutor.router import Router
from tutor.settings import Settings
from tutor.study import Study
from tutor.summaries import SummaryCache
from tutor.summarize import PaperSummary, summarize, summary_from_notes

if TYPE_CHECKING:
    from tutor.ingest.document import Document
    from tutor.models.embed import Embedder
    from tutor.models.llm import LLM, Message
    from tutor.models.serve import ModelServer

logger = logging.getLogger(__name__)
START_LIMIT_S = 3600.0  # a first start downloads and converts the model


class Tutor:
    """All that Tutor can do, for one TUTOR_HOME.

    Args:
        settings: The configuration.
        use_model: Whether the language model may be used at all.
    """

    def __init__(self, settings: Settings, *, use_model: bool = True) -> None:
        self.settings = settings
        self.use_model = use_model
        self.server: ModelServer | None = None
        self.library = Library(settings, self.embedder)
        self.arxiv = ArxivClient(settings)
        self._lock = threading.RLock()
        self._loading = threading.RLock()  # held while the embedding model is prepared
        self._embedder: Embedder | None = None
        self._store: Store | None = None
        self._router: Router | None = None
        self._fixed_llm: LLM | None = None
        self.study = Study(self.library, lambda: self.store, self.llm, lambda: self._embedder)

    # --- parts --------------------------------------------------------------------------------

    def embedder(self, progress: Progress | None = None) -> Embedder:
        """The embedding model, prepared and loaded when first asked for.

        Raises:
            ModelError: It can't be had.
        """
        with self._loading:
            if self._embedder is None:
                from tutor.models.embed import load_embedder

                self._embedder = load_embedder(self.settings, progress)
            return self._embedder

    @property
    def embedder_if_loaded(self) -> Embedder | None:
        """The embedding model, if it is there without waiting."""
        return self._embedder

    @property
    def embedder_if_free(self) -> Embedder | None:
        """The same, but None while the index is being built, which keeps it busy."""
        return self._embedder if self.library.ready else None

    @property
    def store(self) -> Store:
        """The learners' database, opened and migrated when first asked for."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.settings)
            return self._store

    def router(self) -> Router:
        """The router that there is now; `prepare_router` gives it embeddings."""
        if self._router is None:
            self._router = Router()
        return self._router

    def prepare_router(self) -> Router:
        """The router with embeddings of its exemplars, if an embedding model can be had."""
        if self.router().embedder is None and self._embedder is not None:
            self._router = Router(self._embedder, self.settings.folder("cache"))
        return self.router()

    def llm(self) -> LLM | None:
        """The language model, or None while there is none."""
        if not self.use_model:
            return None
        if self._fixed_llm is not None:
            return self._fixed_llm
        return self.server.llm() if self.server is not None else None

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin serving: index and model get ready in the background."""
        if self.use_model:
            from tutor.models.serve import ModelServer

            self.server = ModelServer(self.settings)
            self.server.start()
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()

    def _prepare(self) -> None:
        """Embeddings, index and router, behind the page."""
        try:
            if self.library.prepare():
                self.prepare_router()
        except TutorError as error:
            logger.warning("The index could not be made ready: %s", error)

    def connect(self, progress: Progress | None = None) -> LLM | None:
        """For one command: use the server that runs, else start one and wait for it.

        Returns None, with the reason logged, where no model can be had.
        """
        if not self.use_model:
            return None
        from tutor.models.serve import ModelServer
        from tutor.models.shared import running_llm

        try:
            self._fixed_llm = running_llm(self.settings)
            if self._fixed_llm is None:
                self.server = ModelServer(
                    self.settings,
                    lambda status: (
                        progress(status.detail, status.fraction or 0.0) if progress else None
                    ),
                )
                self.server.start()
                if not self.server.wait_ready(START_LIMIT_S):
                    logger.warning("No language model: %s", self.server.status.detail)
        except TutorError as error:
            logger.warning("No language model: %s", error)
        return self.llm()

    def close(self) -> None:
        """Stop the model server, if this process started one."""
        if self.server is not None:
            self.server.stop()

    # --- what it does -------------------------------------------------------------------------

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        kind: str | None = None,
        stage: int | None = None,
        paper: str | None = None,
    ) -> Retrieval:
        """Passages for a query; see `Retriever.search`."""
        return self.library.retriever().search(query, k, kind=kind, stage=stage, paper=paper)

    def ask(
        self,
        question: str,
        *,
        mode: Literal["explain", "socratic"] = "explain",
        history: Sequence[Message] = (),
        context: str = "",
        paper: str | None = None,
    ) -> Iterator[str | Answer]:
        """Answer a question: the draft's text as it comes, last the Answer.

        Args:
            question: The learner's words.
            mode: "socratic" asks back.
            history: Earlier turns, for the model.
            context: Earlier question that this one leans on; it joins the search.
            paper: Restrict the search to one document.
        """
        yield from answer_question(
            question,
            self.evidence(question, context=context, paper=paper),
            llm=self.llm(),
            embedder=self.embedder_if_free,
            history=history,
            mode=mode,
            library=self.library.known_arxiv_ids(),
        )

    def evidence(self, question: str, *, context: str = "", paper: str | None = None) -> Retrieval:
        """The passages that `ask` answers a question from; arguments as there."""
        query = f"{context} {question}".strip()
        retriever = self.library.retriever()
        retrieval = with_opening(retriever, retriever.search(query, paper=paper))
        if paper is not None:
            return retrieval
        retrieval = with_compared(retriever, query, with_page(retriever, query, retrieval))
        return with_definition(retriever, question, retrieval)

    def summarize(
        self,
        target: str | Path,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        fresh: bool = False,
    ) -> PaperSummary:
        """Summarise a PDF file, an added document, or an arXiv paper.

        A paper that has to be fetched falls back to our notes where arXiv can't be reached. What
        was summarised before by the same model and prompts is there at once.

        Args:
            fresh: Make it anew all the same.

        Raises:
            InputError: The file can't be read.
            NotFoundError: There is no such paper.
            NetworkError: arXiv can't be reached, and there is no note on the paper.
        """
        from tutor.ingest.worker import parse

        report = progress or (lambda _stage, _fraction: None)
        if isinstance(target, Path):
            report(f"Reading {target.name}", 0.0)
            kept = None if fresh else self._summaries().load_file(target)
            return kept or self._summary(parse(target, cancel=cancel), report, cancel, fresh)
        for doc_id in (target, f"arxiv:{parse_arxiv_id(target)}", f"file:{target}"):
            try:
                return self._summary(self.library.document(doc_id), report, cancel, fresh)
            except NotFoundError:
                continue
        arxiv_id = parse_arxiv_id(target)
        if arxiv_id is None:
            raise NotFoundError(
                f"{target} is neither a file, nor a document of the library, nor an arXiv id.",
                "Give a path, or an id such as 1706.03762.",
            )
        try:
            report(f"Fetching arXiv:{arxiv_id}", 0.0)
            pdf = self.arxiv.fetch_pdf(arxiv_id)
        except NetworkError:
            paper = load_papers().get(arxiv_id)
            if paper is None:
                raise
            return summary_from_notes(paper)
        try:
            self.add_files([pdf])
        except (ModelError, NetworkError) as error:  # a summary needs no embeddings
            logger.warning("The paper is not in the library: %s", error)
        return self._summary(parse(pdf, cancel=cancel), report, cancel, fresh)

    def _summaries(self) -> SummaryCache:
        llm, embedder = self.llm(), self.embedder_if_free
        return SummaryCache(
            self.settings, llm.name if llm else "", embedder.name if embedder else ""
        )

    def _summary(
        self, document: Document, report: Progress, cancel: threading.Event | None, fresh: bool
    ) -> PaperSummary:
        kept, llm = self._summaries(), self.llm()
        if not fresh and (found := kept.load(document.sha256)):
            title, authors, year = document.title, document.authors, document.year
            return replace(found, title=title, authors=authors, year=year)
        summary = summarize(document, llm, report, cancel, self.embedder_if_free)
        # One that the model should have helped with and did not is tried again the next time.
        if llm is None or summary.model == llm.name:
            kept.save(document.sha256, summary)
        return summary

    def add_files(self, paths: Sequence[Path], **options: Any) -> list[Any]:
        """Ingest files; see `Library.ingest`. The built-in corpus is indexed first."""
        self.library.sync_corpus(options.get("progress"))
        return list(self.library.ingest(paths, **options))

    def embeddings_or_none(self, progress: Progress | None = None) -> Embedder | None:
        """The embedding model, or None (logged) where it can't be had."""
        try:
            return self.embedder(progress)
        except (ModelError, NetworkError) as error:
            logger.warning("No embeddings: %s", error)
            return None

    def status(self) -> dict[str, Any]:
        """What is ready: model, index, and what is being done about the rest."""
        model = self.llm()
        server = self.server.status if self.server is not None else None
        return {
            "model": model.name if model is not None else "",
            "model_state": "ready" if model else server.state if server else "off",
            "model_detail": server.detail if server else "",
            "model_fraction": server.fraction if server else None,
            "index_ready": self.library.ready,
            "index_built": self.library.built,
            "embeddings": self._embedder is not None,
        }
