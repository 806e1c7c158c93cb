"""arXiv: search, metadata, what is new, and PDFs kept under TUTOR_HOME/papers."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from corpus.papers import load_papers
from tutor.errors import InputError, NetworkError, NotFoundError
from tutor.ingest.document import Document
from tutor.ingest.entry import ArxivPaper, read_entry
from tutor.ingest.identifiers import parse_arxiv_id, split_arxiv_id, squeeze
from tutor.ingest.transport import DELAY_S, Transport
from tutor.settings import Settings

__all__ = ["ArxivClient", "ArxivPaper", "parse_arxiv_id", "with_fetched_id"]

QUERY_URL = "https://export.arxiv.org/api/query?{}"
PDF_URL = "https://arxiv.org/pdf/{}"
MAX_PDF_MB = 100
MAX_RESULTS = 1000  # in one reply; a week of cs.CL and cs.LG is more than that
MAX_IDS = 200  # in one request: its address stays below 4,000 characters

_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z]+(?:-[a-z]+)*)?")
_FIELD_QUERY = re.compile(r"\b(?:ti|au|abs|co|jr|cat|rn|id|all|doi|submittedDate):")


def _require_id(text: str) -> tuple[str, int | None]:
    found = split_arxiv_id(text)
    if found is None:
        raise InputError(
            f"'{text[:80]}' is not an arXiv id.", "Give one such as 1706.03762 or cs/0112017."
        )
    return found


def _words(text: str) -> list[str]:
    """The words of a query, at most twenty; nothing else reaches arXiv's syntax."""
    words = re.findall(r"[^\W_]+(?:[-'][^\W_]+)*", text)
    if not words:
        raise InputError("The query holds no word.", "Name a subject or an author.")
    return words[:20]


class ArxivClient:
    """arXiv's interface behind a process-wide limit on its rate.

    Args:
        settings: Where PDFs and cached replies are kept, and whether to stay offline.
        query_url_format: The query interface, with {} for the arguments.
        pdf_url_format: The address of a PDF, with {} for id and version.
        delay_s: Seconds between two requests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        query_url_format: str = QUERY_URL,
        pdf_url_format: str = PDF_URL,
        delay_s: float = DELAY_S,
    ) -> None:
        self._settings = settings
        self._query_url_format = query_url_format
        self._pdf_url_format = pdf_url_format
        configured = frozenset(
            urlsplit(url).netloc
            for url, usual in ((query_url_format, QUERY_URL), (pdf_url_format, PDF_URL))
            if url != usual
        )
        self._transport = Transport(
            settings.home / "cache" / "arxiv", settings.offline, configured, delay_s
        )

    def search(self, query: str, max_results: int = 10) -> list[ArxivPaper]:
        """Papers by words in title, abstract or names, best first.

        Args:
            query: Words, or arXiv's own syntax ("ti:attention AND au:vaswani").
            max_results: At most 1000.

        Raises:
            InputError: The query holds no word, or arXiv does not understand it.
            NetworkError: arXiv can't be reached.
        """
        if not _FIELD_QUERY.search(query):
            words = _words(query)
            every = " AND ".join(f"all:{word}" for word in words)
            query = f'ti:"{" ".join(words)}" OR ({every})' if len(words) > 1 else every
        return self._run(query=query[:1000], max_results=max_results)

    def get(self, ids: Sequence[str]) -> list[ArxivPaper]:
        """Papers by id, in the order of arXiv's reply; unknown ids are left out.

        Raises:
            InputError: Something is no arXiv id.
            NetworkError: arXiv can't be reached.
        """
        names = []
        for text in ids:
            name, version = _require_id(text)
            names.append(f"{name}v{version}" if version else name)
        parts = [names[start : start + MAX_IDS] for start in range(0, len(names), MAX_IDS)]
        return [p for part in parts for p in self._run(id_list=part, max_results=len(part))]

    def find_title(self, title: str) -> list[ArxivPaper]:
        """Papers that bear this title, best first; where none does, the nearest ones by words.

        Raises:
            InputError: The title holds no word.
            NetworkError: arXiv can't be reached.
        """
        words = _words(title)
        found = self._run(query=f'ti:"{" ".join(words)}"', max_results=10)
        named = [paper for paper in found if squeeze(paper.title) == squeeze(title)]
        return named or found or self.search(" ".join(words), max_results=5)

    def find_doi(self, doi: str) -> ArxivPaper | None:
        """The paper whose published version has this DOI, if its authors told arXiv.

        Raises:
            NetworkError: arXiv can't be reached.
        """
        doi = re.sub(r'["\s]', "", doi).lower()
        found = self._run(query=f'doi:"{doi}"', max_results=10)
        return next((paper for paper in found if paper.doi == doi), None)

    def latest(
        self,
        categories: Sequence[str],
        days: int,
        max_results: int = 50,
        words: Sequence[str] = (),
    ) -> list[ArxivPaper]:
        """What was submitted to the categories in the last days, newest first.

        Args:
            categories: Such as "cs.CL".
            days: At least 1.
            max_results: At most 1000.
            words: Only papers that use one of these words or phrases.

        Raises:
            InputError: `days` is less than 1, or a category is none.
            NetworkError: arXiv can't be reached.
        """
        if days < 1:
            raise InputError(f"{days} days is no period.", "Give at least 1.")
        for category in categories:
            if not _CATEGORY.fullmatch(category):
                raise InputError(f"'{category[:40]}' is no category of arXiv.", "Such as cs.CL.")
        today = datetime.now(UTC)
        start = today - timedelta(days=min(days, 3650))
        query = f"({' OR '.join(f'cat:{category}' for category in categories)})"
        if words:
            phrases = (f'all:"{" ".join(_words(word))}"' for word in words)
            query += f" AND ({' OR '.join(phrases)})"
        query += f" AND submittedDate:[{start:%Y%m%d}0000 TO {today:%Y%m%d}2359]"
        return self._run(query=query, max_results=max_results, newest=True)

    def _run(
        self,
        *,
        query: str = "",
        id_list: Sequence[str] = (),
        max_results: int,
        newest: bool = False,
    ) -> list[ArxivPaper]:
        import arxiv

        count = max(1, min(max_results, MAX_RESULTS))
        # Our transport waits and retries, under a lock and with a timeout; the package's own
        # loop does neither.
        client = arxiv.Client(page_size=count, delay_seconds=0.0, num_retries=0)
        client.query_url_format = self._query_url_format
        client._session = self._transport
        order = arxiv.SortCriterion.SubmittedDate if newest else arxiv.SortCriterion.Relevance
        search = arxiv.Search(query=query, id_list=list(id_list), max_results=count, sort_by=order)
        try:
            results = list(client.results(search))
        except (arxiv.ArxivError, ValueError) as error:
            raise NetworkError(
                f"arXiv's reply can't be read ({type(error).__name__}).", "Try again later."
            ) from error
        return [paper for result in results if (paper := read_entry(result))]

    def fetch_pdf(self, arxiv_id: str) -> Path:
        """The PDF of a paper under TUTOR_HOME/papers, fetched unless it is there already.

        Without a version, key papers come in the version that our note describes, others in
        their latest one.

        Raises:
            InputError: `arxiv_id` is none.
            NotFoundError: arXiv does not know it, or it was withdrawn.
            NetworkError: arXiv can't be reached, or what it sends is no PDF.
        """
        name, version = _require_id(arxiv_id)
        folder = self._settings.folder("papers")
        known = load_papers().get(name)
        if version is None and known:
            version = known.version
        if version is None:
            version = self._latest_version(name, folder)
        target = folder / f"{name.replace('/', '_')}v{version}.pdf"
        if not _is_intact(target):
            self._download(self._pdf_url_format.format(f"{name}v{version}"), target)
        return target

    def _latest_version(self, name: str, folder: Path) -> int:
        try:
            papers = self.get([name])
        except NetworkError:
            stored = re.compile(re.escape(name.replace("/", "_")) + r"v(\d+)\.pdf")
            versions = [int(m[1]) for p in folder.iterdir() if (m := stored.fullmatch(p.name))]
            if versions:
                return max(versions)
            raise
        if not papers:
            raise NotFoundError(f"arXiv knows no paper {name}.", "Check the id.")
        [paper, *_] = papers
        if paper.withdrawn:
            earlier = paper.version - 1
            raise NotFoundError(
                f"{name} was withdrawn: {(paper.comment or paper.abstract)[:200].rstrip('.')}.",
                f"An earlier version may be there: add {name}v{earlier}." if earlier else "",
            )
        return paper.version

    def _download(self, url: str, target: Path) -> None:
        partial = target.with_suffix(f".{os.getpid()}.partial")
        digest = hashlib.sha256()
        try:
            head = b""
            pieces = self._transport.stream(url, MAX_PDF_MB)
            with closing(pieces), partial.open("wb") as file:
                for piece in pieces:
                    head = head or piece[:1024]
                    digest.update(piece)
                    file.write(piece)
            if b"%PDF-" not in head:
                raise NetworkError(
                    f"What arXiv sends for {target.stem} is not a PDF.",
                    "Some papers have none; try again later or add the file yourself.",
                )
            checksum = _checksum_path(target)
            checksum.with_suffix(".partial").write_text(digest.hexdigest() + "\n", "ascii")
            os.replace(checksum.with_suffix(".partial"), checksum)
            os.replace(partial, target)
        except OSError as error:
            raise NetworkError(
                f"The paper can't be stored in {target.parent}: {error.strerror or error}.",
                "Free some disk space or set TUTOR_HOME to another folder.",
            ) from error
        finally:
            partial.unlink(missing_ok=True)


def with_fetched_id(document: Document, path: Path, settings: Settings) -> Document:
    """The document with id and version if `path` was fetched from arXiv, stamped or not."""
    name = path.stem.replace("_", "/")
    found = split_arxiv_id(name) if path.parent == settings.home / "papers" else None
    if document.kind != "paper" or found is None or document.arxiv_id not in (None, found[0]):
        return document
    version = found[1] or document.version
    return replace(document, doc_id=f"arxiv:{found[0]}", arxiv_id=found[0], version=version)


def _checksum_path(pdf: Path) -> Path:
    return pdf.with_name(pdf.name + ".sha256")


def _is_intact(pdf: Path) -> bool:
    """Whether the stored PDF has the checksum that was written beside it."""
    try:
        wanted = _checksum_path(pdf).read_text("ascii").strip()
        return hashlib.sha256(pdf.read_bytes()).hexdigest() == wanted
    except (OSError, UnicodeDecodeError):
        return False
