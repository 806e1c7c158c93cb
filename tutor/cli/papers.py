"""ingest, and the papers: search, add, list, refresh, latest, bibtex, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tutor.cli.output import Json, emit, opened, progress, table
from tutor.errors import DocumentError
from tutor.library import papers

app = typer.Typer()
papers_app = typer.Typer(help="arXiv and the local library of papers.", no_args_is_help=True)
app.add_typer(papers_app, name="papers")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…")],
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64)] = 1,
    as_json: Json = False,
) -> None:
    """Put PDFs, Markdown and text into the library; folders are searched."""
    with opened() as tutor, progress() as report:
        results = [r.to_dict() for r in tutor.add_files(paths, jobs=jobs, progress=report)]
    show_ingested({"documents": results}, as_json)


def show_ingested(data: dict[str, Any], as_json: bool) -> None:
    """Print what became of each file; exit code 1, and a line that says why, if none was read."""

    def human(data: dict[str, Any]) -> None:
        columns = ["status", "path", "doc_id", "pages", "chunks", "error"]
        table("Documents", columns, [[row[c] for c in columns] for row in data["documents"]])

    emit(data, as_json, human)
    rows = data["documents"]
    if all(row["status"] == "failed" for row in rows):
        reason = rows[0]["error"] if rows else "there is none."
        raise DocumentError(
            reason if len(rows) == 1 else f"None of {len(rows)} documents could be read: {reason}"
        )


@papers_app.command("search")
def search_(query: Annotated[str, typer.Argument()], as_json: Json = False) -> None:
    """Search the library and arXiv."""
    with opened() as tutor:
        data = papers.find_papers(tutor.library.retriever(), tutor.arxiv, query)

    def human(data: dict[str, Any]) -> None:
        for where in ("library", "arxiv"):
            table(
                where,
                ["id", "year", "title"],
                [[p["id"], p["year"], p["title"]] for p in data[where]],
            )
        if data["note"]:
            print(data["note"])

    emit(data, as_json, human)


@papers_app.command()
def add(ids: Annotated[list[str], typer.Argument(metavar="ID…")], as_json: Json = False) -> None:
    """Fetch papers from arXiv into the library, by id, address, DOI, title or a BibTeX file."""
    with opened() as tutor, progress() as report:
        found = papers.add_papers(tutor.library, tutor.arxiv, ids, report)
    show_ingested({"documents": [result.to_dict() for result in found]}, as_json)


@papers_app.command("list")
def list_(
    citations: Annotated[
        bool, typer.Option("--citations", help="What each cites and what cites it.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask arXiv for newer versions and withdrawals.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The papers that were added, and those known by a note."""
    columns = ["doc_id", "year", "title", "source", "pages"]
    with opened(index=False) as tutor:
        if refresh:
            papers.refresh_papers(tutor.library, tutor.arxiv)
        data = {"papers": papers.list_papers(tutor.library)}
        if citations:
            columns += ["cites", "cited_by"]
            for row in data["papers"]:
                row |= tutor.library.citations(row["doc_id"]).to_dict()
        if any(row["news"] for row in data["papers"]):
            columns.append("news")

    def human(data: dict[str, Any]) -> None:
        for row in data["papers"]:
            row["news"] = "; ".join(row["news"])
            for name in ("cites", "cited_by"):
                row[name] = len(row.get(name, ()))
        table("Papers", columns, [[row[c] for c in columns] for row in data["papers"]])

    emit(data, as_json, human)


@papers_app.command()
def refresh(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]")] = None, as_json: Json = False
) -> None:
    """Ask arXiv again about papers: newer versions, withdrawals, where they were published."""
    with opened(index=False) as tutor, progress() as report:
        found = papers.refresh_papers(tutor.library, tutor.arxiv, ids or [], report)

    def human(data: dict[str, Any]) -> None:
        rows = [row for row in data["papers"] if row["news"]]
        cells = [[row["doc_id"], row["title"], "\n".join(row["news"])] for row in rows]
        table("News", ["doc_id", "title", "news"], cells)
        told = sum(bool(row["checked"]) for row in data["papers"])
        print(f"{told} of {len(data['papers'])} papers: arXiv told about them.")

    emit({"papers": found}, as_json, human)


@papers_app.command()
def latest(
    days: Annotated[int, typer.Option("--days", min=1, max=90)] = 7,
    category: Annotated[
        list[str] | None, typer.Option("--category", help="Such as cs.CL; may be given again.")
    ] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="A topic of the roadmap.")] = None,
    as_json: Json = False,
) -> None:
    """What is new on arXiv, nearest to what you study first."""
    with opened(index=False) as tutor:
        mastery = tutor.store.mastery(tutor.settings.learner)
        studied = [name for name, estimate in mastery.items() if estimate is not None]
        found = papers.latest_papers(
            tutor.arxiv, days, tuple(category or papers.FIELDS), topic, studied
        )

    def human(data: dict[str, Any]) -> None:
        rows = [[p["published"], p["id"], f"{p['title']}\n{p['why']}"] for p in data["papers"]]
        table(f"The last {days} days", ["published", "id", "title"], rows)

    emit({"papers": found}, as_json, human)


@papers_app.command()
def bibtex(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]")] = None, as_json: Json = False
) -> None:
    """BibTeX of papers; of all that are known when no id is given."""
    with opened(index=False) as tutor:
        text = papers.export_bibtex(tutor.library, ids or [])
    emit({"bibtex": text}, as_json, lambda data: print(data["bibtex"]))


@papers_app.command()
def remove(name: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Take a paper out of the library."""
    with opened() as tutor:
        doc_id = tutor.library.remove(name)
    emit({"removed": doc_id}, as_json, lambda data: print(f"{doc_id} was removed."))
