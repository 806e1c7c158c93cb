"""The composition root: builds the parts from Settings and joins them. UI and CLI stand on it."""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corpus.papers import load_papers
from corpus.roadmap import load_roadmap
from tutor.answer import Answer, answer_question
from tutor.errors import InputError, ModelError, NetworkError, NotFoundError, TutorError
from tutor.ingest.arxiv import ArxivClient, parse_arxiv_id
from tutor.learner.store import Store, open_store
from tutor.library import Library, Progress
from tutor.retrieve import Retrieval
from tutor.retrieve.companions import with_definition, with_opening, with_page
from tutor.retrieve.comparison import with_compared
from tutor.router import Router
from tutor.settings import Settings
from tutor.summaries import SummaryCache
from tutor.summarize import PaperSummary, summarize, summary_from_notes

if TYPE_CHECKING:
    from tutor.exercises.code import CodeGrade
    from tutor.exercises.question import Grade, Kind, Question, Source
    from tutor.exercises.quiz import QuizSession
    from tutor.ingest.document import Document
    from tutor.learner.plan import Step as NextStep
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

    def roadmap(self, learner: str) -> dict[str, Any]:
        """The roadmap with the learner's mastery; fields as in the command line's contract."""
        from tutor.learner.plan import roadmap_rows

        return roadmap_rows(load_roadmap(), self.store.mastery(learner))

    def embeddings_or_none(self, progress: Progress | None = None) -> Embedder | None:
        """The embedding model, or None (logged) where it can't be had."""
        try:
            return self.embedder(progress)
        except (ModelError, NetworkError) as error:
            logger.warning("No embeddings: %s", error)
            return None

    # --- learning -----------------------------------------------------------------------------

    def submit(
        self,
        quiz: QuizSession,
        answer: str,
        *,
        learner: str,
        session_id: str = "",
        sureness: int | None = None,
    ) -> tuple[Grade, bool]:
        """Grade an answer to the open question and record it in the quiz and in the log.

        Args:
            sureness: How sure the learner was, 1 to 3; None if not said.

        Returns:
            The grade, and whether the quiz went on: then the feedback reveals the solution.

        Raises:
            InputError: No question is open.
        """
        from tutor.exercises.grade import grade

        question = quiz.current
        if question is None:
            raise InputError("The quiz is over.", "Start a new one.")
        position = quiz.position
        result = grade(question, answer, embedder=self._embedder)
        quiz.attempt = self.store.record_attempt(
            learner, question, answer, result, session=session_id or quiz.form, sureness=sureness
        )
        quiz.record(result)
        moved = quiz.position != position
        if moved:
            result = grade(question, answer, embedder=self._embedder, reveal=True)
        return result, moved

    def submit_code(self, lab_id: str, source: str, *, learner: str) -> CodeGrade:
        """Run a lab's hidden tests on a submission and record the attempt.

        Raises:
            NotFoundError: There is no such lab.
            SandboxError: Code can't be isolated here; it was not run.
        """
        from tutor.exercises.code import grade_code, lab_of, lab_question

        result = grade_code(lab_of(lab_id), source)
        self.store.record_attempt(learner, lab_question(lab_id), source, result.grade)
        return result

    def next_step(self, learner: str) -> NextStep:
        """What to study now, and why."""
        from tutor.learner.plan import next_step

        now = datetime.now(UTC)
        due, objectives = self.store.due_reviews(learner, now), self.store.objectives(learner)
        return next_step(load_roadmap(), self.store.mastery(learner), due, now, objectives)

    def progress(self, learner: str) -> dict[str, Any]:
        """Mastery by topic and the reviews due."""
        now = datetime.now(UTC)
        return {
            "learner": learner,
            "mastery": self.store.mastery(learner),
            "due": [review.to_dict() for review in self.store.due_reviews(learner, now)],
        }

    def quiz(
        self,
        n: int,
        *,
        stage: int | None = None,
        topic: str | None = None,
        paper: str | None = None,
        kind: Kind | None = None,
        source: Source | None = None,
        seed: int | None = None,
        learner: str | None = None,
    ) -> list[Question]:
        """Questions on a stage, a topic or a paper; the same seed gives the same ones.

        Args:
            learner: What they have answered is not generated again, in the same words or nearly.

        Raises:
            NotFoundError: There is no such topic, or nothing can be asked on it.
        """
        from tutor.exercises.quiz import assemble

        chosen = secrets.randbelow(2**31) if seed is None else seed
        if paper is not None and source is None and paper not in load_papers():
            source = "generated"  # the bank knows the papers of the roadmap alone
        if source != "generated":
            return assemble(
                n, stage=stage, topic=topic, paper=paper, kind=kind, source=source, seed=chosen
            )
        questions = self._generate(n, stage, topic, paper, kind, chosen, self._asked(learner))
        if not questions:
            raise NotFoundError(
                "No generated question passed its checks.", "Widen the topic, or ask the bank."
            )
        for question in questions:
            self.store.save_generated(question)
        return questions

    def review_quiz(self, n: int, learner: str, seed: int | None = None) -> list[Question]:
        """Questions on the reviews that are due, the most urgent first; see `review_questions`.

        Raises:
            NotFoundError: Nothing is due.
        """
        from tutor.exercises.blueprint import review_questions

        due = [review.topic for review in self.store.due_reviews(learner, datetime.now(UTC))]
        questions = review_questions(
            due,
            n,
            objectives=self.store.objectives(learner),
            seen=[row["question_id"] for row in self.store.attempts(learner)],
            seed=secrets.randbelow(2**31) if seed is None else seed,
        )
        if not questions:
            raise NotFoundError("No review is due.", "Practise a topic, or see what is next.")
        return questions

    def _asked(self, learner: str | None) -> list[Question]:
        """The questions that a learner has answered."""
        from tutor.exercises.question import questions_by_id

        found = []
        for name in {row["question_id"] for row in self.store.attempts(learner or "")}:
            try:
                found.append(questions_by_id(name, self.store))
            except NotFoundError:
                continue  # an item that the bank no longer has
        return found

    def _generate(
        self,
        n: int,
        stage: int | None,
        topic: str | None,
        paper: str | None,
        kind: Kind | None,
        seed: int,
        seen: Sequence[Question],
    ) -> list[Question]:
        """Questions made from the passages of a stage, a topic or a paper.

        Raises:
            NotFoundError: There are no such passages.
        """
        from tutor.exercises.generate import generate_questions

        found = self.library.retriever().passages_of(stage=stage, topic=topic, paper=paper)
        if not found:
            raise NotFoundError(
                f"The library holds no text on {paper or topic or stage}.",
                "'tutor papers list' shows the papers, 'tutor roadmap' the topics.",
            )
        random.Random(seed).shuffle(found)
        made: list[Question] = []
        for label in dict.fromkeys(label for label, _ in found):
            passages = [passage for name, passage in found if name == label]
            made += generate_questions(
                passages,
                n - len(made),
                topic=label,
                kind=kind,
                llm=self.llm(),
                seen=seen,
                seed=seed,
            ).questions
            if len(made) >= n:
                break
        return made[:n]

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
