"""The command line is a contract: fields, exit codes, and nothing else on stdout."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
from fakes import FakeEmbedder, FakeLLM
from tiny_corpus import NOTES, tiny_documents

from corpus.loading import CorpusError
from tutor import cli
from tutor.app import Tutor
from tutor.cli import output
from tutor.errors import ModelError, NetworkError, TutorError
from tutor.ingest.arxiv import ArxivClient, ArxivPaper
from tutor.learner.store import Store
from tutor.router import INTENTS, Route, RouteContext
from tutor.study import Study

ANSWER = {
    "id", "question", "answer", "mode", "refused", "reason", "sentences", "citations", "topics",
    "follow_ups", "model", "timings_ms",
}  # fmt: skip
CITATION = {"n", "key", "kind", "doc_id", "title", "section", "page", "quote", "score"}
PASSAGE = {"key", "kind", "doc_id", "title", "section", "page", "text", "score"}
SUMMARY = {
    "doc_id", "title", "authors", "year", "arxiv_id", "tldr", "problem", "method", "results",
    "limitations", "terms", "topics", "source", "model",
}  # fmt: skip
QUESTION = {
    "id", "kind", "stage", "topic", "difficulty", "prompt", "options", "unit", "source", "citation",
}  # fmt: skip
KEY = {"key", "explanation", "rubric"}
GRADE = {
    "id", "score", "verdict", "confidence", "feedback", "matched", "missing", "graded_by",
}  # fmt: skip
INGESTED = {"path", "doc_id", "pages", "sections", "chunks", "status", "error"}
LINE = {
    "id": "q1", "kind": "text", "question": "What is softmax?", "rubric": ["weights sum to 1"],
    "reference": "Softmax turns scores into weights that sum to 1.",
    "answer": "It turns scores into weights that sum to 1.",
}  # fmt: skip
COMMAND = typer.main.get_command(cli.app)
NOW = datetime(2024, 1, 2, tzinfo=UTC)


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, f"exit code {self.code}: {self.err}"
        return self.only_json

    @property
    def only_json(self) -> Any:
        assert self.out.endswith("\n") and self.out.count("\n") == 1, (
            f"more than one line of JSON on stdout: {self.out[:300]!r}"
        )
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def failed(self, *words: str) -> None:
        """Check that a TutorError became one line on stderr and nothing on stdout."""
        assert (self.code, self.out) == (1, ""), f"{self.code}: {self.out!r} {self.err!r}"
        assert "Traceback" not in self.err
        said = [line for line in self.err.splitlines() if line.strip()]
        assert len(said) == 1 and said[0].startswith("Error: "), self.err
        assert all(word in said[0] for word in words), said[0]


Run = Callable[..., Result]


class FakeRouter:
    """Routes every text to explain, and says what it was told."""

    embedder = None

    def route(self, text: str, context: RouteContext | None = None) -> Route:
        asked = bool(context and context.open_question)
        return Route("explain", 0.5, {"open": asked, "text": text[:9]})


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of this version."""
    path = tmp_path_factory.mktemp("database") / "tutor.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], home: Path, database: Path
) -> Run:
    """Runs a command in this process, on a tiny corpus, without embeddings and network."""

    def no_embeddings(*_: Any) -> Any:
        raise ModelError("There is no embedding model.")

    monkeypatch.setenv("TUTOR_OFFLINE", "1")
    monkeypatch.setattr("tutor.models.embed.load_embedder", no_embeddings)
    monkeypatch.setattr("tutor.library.library.corpus_documents", tiny_documents)
    monkeypatch.setattr("tutor.app.Router", FakeRouter)
    # Building the commands and the database takes longer than most of the commands.
    monkeypatch.setattr("typer.main.get_command", lambda _: COMMAND)
    home.mkdir(parents=True)
    shutil.copyfile(database, home / "tutor.db")

    def command(*given: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "argv", ["tutor", *map(str, given)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit:
            cli.main()
        code = 0 if exit.value.code is None else exit.value.code
        assert isinstance(code, int)
        return Result(code, *capfd.readouterr())

    return command


@pytest.fixture
def embeddings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a (fake) embedding model, so that an index can be built."""
    monkeypatch.setattr("tutor.models.embed.load_embedder", lambda *_: FakeEmbedder())


def lines(*rows: Any) -> bytes:
    return b"\n".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in rows)


# --- ask, search, route, summarize ------------------------------------------------------------


def test_ask_gives_an_answer(run: Run) -> None:
    data = run("ask", "What is self-attention?", "--no-model", "--json").json
    assert set(data) >= ANSWER and data["mode"] == "passages" and not data["refused"]
    assert data["citations"] and all(set(c) == CITATION for c in data["citations"])
    assert all(set(s) == {"text", "citations", "supported"} for s in data["sentences"])
    assert {"retrieve", "first_token", "total"} == set(data["timings_ms"])


def test_ask_uses_the_model_that_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = (
        "Self-attention lets every token of a sequence collect information from every other "
        "token of the same sequence [1]. Scores are divided by the square root of the key size."
    )
    monkeypatch.setattr("tutor.models.shared.running_llm", lambda _: FakeLLM(draft))
    data = run("ask", "What is self-attention?", "--json").json
    assert data["mode"] == "model" and data["model"] == "fake-model"


def test_ask_socratic_asks_back(run: Run) -> None:
    data = run("ask", "What is self-attention?", "--mode", "socratic", "--no-model", "--json").json
    assert "Before I say more" in data["answer"]


def test_ask_goes_on_with_a_session(run: Run) -> None:
    for question in ("What is self-attention?", "And why is it useful?"):
        data = run("ask", question, "--session", "s1", "--no-model", "--json").json
        assert set(data) >= ANSWER and data["question"] == question


def test_ask_in_a_session_of_another_learner_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("ask", "What is softmax?", "--session", "s", "--no-model", "--json").code == 0
    monkeypatch.setenv("TUTOR_LEARNER", "eve")
    run("ask", "What is softmax?", "--session", "s", "--no-model", "--json").failed("no session")


def test_ask_reads_lines_and_goes_on_after_bad_ones(run: Run) -> None:
    result = run(
        "ask", "--jsonl", "-", "--no-model",
        stdin=lines(
            {"id": "a", "question": "What is self-attention?"}, b"not json", {"id": 3},
            {"id": "b", "question": "   "}, [1], b"\xff\xfe", b"", {"question": "What is softmax?"},
        ),
    )  # fmt: skip
    assert result.code == 1, "a bad line must show in the exit code"
    rows = result.lines
    assert len(rows) == 7, "each line but the empty one gets a reply in its place"
    assert rows[0]["id"] == "a" and set(rows[0]) >= ANSWER
    assert ["error" in row for row in rows] == [False, True, True, True, True, True, False]
    assert rows[2]["id"] == 3 and "question" in rows[2]["error"] and rows[3]["id"] == "b"


def test_good_lines_exit_with_0(run: Run) -> None:
    result = run("route", "--jsonl", "-", stdin=lines({"id": 1, "text": "hi"}))
    assert result.code == 0 and len(result.lines) == 1


def test_search_gives_passages_and_timings(run: Run) -> None:
    data = run("search", "attention heads", "-k", "3", "--json").json
    assert set(data) == {"passages", "timings_ms"} and len(data["passages"]) == 3
    assert all(set(p) == PASSAGE for p in data["passages"])


@pytest.mark.parametrize(
    ("option", "value", "field", "wanted"),
    [
        ("--kind", "paper", "kind", {"paper"}),
        ("--kind", "lesson", "kind", {"lesson"}),
        ("--paper", "1706.03762", "doc_id", {"arxiv:1706.03762"}),
        ("--stage", "1", "doc_id", {"lesson:neural-networks"}),
    ],
)
def test_search_filters(run: Run, option: str, value: str, field: str, wanted: set[str]) -> None:
    data = run("search", "attention weights", option, value, "--json").json
    assert {p[field] for p in data["passages"]} == wanted


def test_search_reads_lines(run: Run) -> None:
    result = run(
        "search", "--jsonl", "-",
        stdin=lines(
            {"id": 1, "query": "attention", "k": 2}, {"id": 2, "query": "attention", "k": 0},
            {"id": 3, "query": "attention", "k": True}, {"id": 4, "query": 7},
            {"id": 5, "query": "softmax"},
        ),
    )  # fmt: skip
    rows = result.lines
    assert result.code == 1 and [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert set(rows[0]) == {"id", "passages", "timings_ms"} and len(rows[0]["passages"]) == 2
    assert ["error" in row for row in rows] == [False, True, True, True, False]


def test_route_gives_intent_confidence_and_slots(run: Run) -> None:
    data = run("route", "what is attention", "--json").json
    assert set(data) == {"intent", "confidence", "slots"} and data["intent"] in INTENTS


def test_route_reads_lines_with_context(run: Run) -> None:
    rows = run(
        "route", "--jsonl", "-",
        stdin=lines(
            {"id": 1, "text": "B", "context": {"open_question": True}},
            {"id": 2, "text": "B", "context": {"open_question": "yes"}},
            {"id": 3, "text": "B", "context": 5}, {"id": 4, "text": "B"},
        ),
    ).lines  # fmt: skip
    assert set(rows[0]) == {"id", "intent", "confidence", "slots"}
    assert rows[0]["slots"]["open"] is True and rows[3]["slots"]["open"] is False
    assert "error" in rows[1] and "error" in rows[2]


def test_text_that_stdout_cannot_encode_is_escaped(run: Run) -> None:
    result = run("route", "--jsonl", "-", stdin=b'{"id": "\\ud800", "text": "\\ud83d"}\n')
    assert result.code == 0 and result.lines[0]["id"] == "\ud800"


def test_deeply_nested_line_is_a_bad_line(run: Run) -> None:
    result = run("route", "--jsonl", "-", stdin=b"[" * 200_000 + b'\n{"id":1,"text":"x"}')
    assert result.code == 1 and "error" in result.lines[0] and result.lines[1]["id"] == 1


def test_summarize_gives_a_summary(run: Run) -> None:
    data = run("summarize", "1706.03762", "--no-model", "--json").json
    assert set(data) == SUMMARY and data["source"] == "notes"
    assert all(set(p) == {"text", "page", "quote"} for p in data["problem"] + data["results"])
    assert all(set(t) == {"term", "meaning"} for t in data["terms"])


@pytest.mark.parametrize("name", ["nothing.pdf", "x" * 5000, ""])
def test_summarize_of_nothing_fails(run: Run, name: str) -> None:
    run("summarize", name, "--no-model", "--json").failed()


# --- quiz, grade, roadmap, next, progress, review, export -------------------------------------


def test_quiz_hides_the_key_unless_asked(run: Run) -> None:
    options = ("quiz", "--topic", "self-attention", "--n", "3", "--seed", "1", "--json")
    hidden, shown = run(*options).json, run(*options, "--with-key").json
    assert set(hidden) == {"questions"} and len(hidden["questions"]) == 3
    assert all(set(q) == QUESTION for q in hidden["questions"])
    assert all(set(q) >= QUESTION | KEY for q in shown["questions"])
    assert [q["id"] for q in hidden["questions"]] == [q["id"] for q in shown["questions"]]


@pytest.mark.parametrize("kind", ["choice", "numeric", "text"])
def test_quiz_of_a_kind(run: Run, kind: str) -> None:
    data = run("quiz", "--topic", "self-attention", "--kind", kind, "--n", "2", "--json").json
    assert {q["kind"] for q in data["questions"]} == {kind}


def test_quiz_of_a_stage_and_a_paper(run: Run) -> None:
    data = run("quiz", "--stage", "2", "--source", "bank", "--json").json
    assert {q["stage"] for q in data["questions"]} == {2}
    assert run("quiz", "--paper", "1706.03762", "--json").json["questions"]


def test_quiz_on_an_unknown_topic_fails(run: Run) -> None:
    run("quiz", "--topic", "no-such-topic", "--json").failed("no-such-topic")


def test_grade_of_a_question(run: Run) -> None:
    options = ("--topic", "self-attention", "--kind", "choice", "--n", "1", "--with-key", "--json")
    [question] = run("quiz", *options).json["questions"]
    right, wrong = ("ABCD"[(question["key"] + shift) % 4] for shift in (0, 1))
    data = run("grade", "--question", question["id"], "--answer", right, "--json").json
    assert set(data) == GRADE and data["verdict"] == "correct" and data["id"] == question["id"]
    data = run("grade", "--question", question["id"], "--answer", wrong, "--json").json
    assert data["verdict"] == "incorrect" and data["score"] == 0


def test_grade_reads_lines(run: Run) -> None:
    result = run("grade", "--jsonl", "-", stdin=lines(LINE, {"id": "q2"}, {**LINE, "id": "q3"}))
    rows = result.lines
    assert result.code == 1 and [row.get("id") for row in rows] == ["q1", "q2", "q3"]
    assert set(rows[0]) == GRADE and "error" in rows[1]


def test_grade_of_an_unknown_question_fails(run: Run) -> None:
    run("grade", "--question", "bank:nothing:0", "--answer", "A", "--json").failed("bank:nothing")


def test_roadmap_has_seven_stages_or_one(run: Run) -> None:
    stages = run("roadmap", "--json").json["stages"]
    assert [s["n"] for s in stages] == [1, 2, 3, 4, 5, 6, 7]
    for stage in stages:
        assert set(stage) == {"n", "title", "modules"}
        for module in stage["modules"]:
            assert set(module) == {"id", "title", "topics"}
            for topic in module["topics"]:
                assert set(topic) == {
                    "id", "title", "objectives", "prerequisites", "papers", "lesson", "mastery",
                }  # fmt: skip
    assert [s["n"] for s in run("roadmap", "--stage", "3", "--json").json["stages"]] == [3]


def test_next_progress_and_review(run: Run) -> None:
    step = run("next", "--json").json
    assert {"topic", "title", "why"} <= set(step)
    assert set(run("progress", "--json").json) >= {"mastery", "due"}
    assert run("review", "--json").json == {"due": []}


def test_hours_a_week_give_every_topic_a_date(run: Run) -> None:
    assert run("progress", "--json").json["plan"] is None
    plan = run("progress", "--hours", "4", "--goal", "2", "--json").json["plan"]
    assert (plan["hours"], plan["goal"], plan["start"]) == (4, 2, None)
    assert {"topic", "title", "stage", "begins", "ends", "minutes"} == set(plan["topics"][0])
    assert plan["ends"] == plan["topics"][-1]["ends"]
    assert run("progress", "--json").json["plan"] == plan
    assert "4 h a week" in run("progress").out
    assert run("progress", "--hours", "0", "--json").json["plan"] is None
    run("progress", "--hours", "100", "--json").failed("80 hours")
    assert run("progress", "--start", "2026-12-01").code == 2
    assert run("progress", "--hours", "4", "--start", "soon").code == 2


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_export_writes_a_file(run: Run, tmp_path: Path, form: str) -> None:
    out = tmp_path / "study"
    data = run("export", form, "--out", out, "--stage", "2", "--json").json
    assert data["file"] == str(out) and out.stat().st_size > 1000
    assert data["lessons"] > 0 and data["questions"] > 0


def test_export_into_a_missing_folder_fails(run: Run, tmp_path: Path) -> None:
    run("export", "json", "--out", tmp_path / "no" / "x", "--stage", "2").failed("can't be written")


# --- ingest and papers ------------------------------------------------------------------------


def test_ingest_says_what_became_of_each_file(run: Run, embeddings: None, tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text("Foxes attend to tracks.\n\nThey read each track twice.")
    (tmp_path / "empty.pdf").write_bytes(b"")
    data = run("ingest", tmp_path, "--json").json
    assert set(data) == {"documents"} and all(set(d) >= INGESTED for d in data["documents"])
    by_name = {Path(d["path"]).name: d for d in data["documents"]}
    assert by_name["fox.txt"]["status"] == "added" and by_name["fox.txt"]["error"] is None
    assert by_name["empty.pdf"]["status"] == "failed" and by_name["empty.pdf"]["error"]
    doc_id = by_name["fox.txt"]["doc_id"]
    assert doc_id in {row["doc_id"] for row in run("papers", "list", "--json").json["papers"]}
    assert run("search", "foxes tracks", "--paper", doc_id, "--json").json["passages"]
    assert run("papers", "remove", doc_id, "--json").json == {"removed": doc_id}
    run("papers", "remove", doc_id, "--json").failed(doc_id)


def test_ingest_of_nothing_that_can_be_read_exits_with_1(
    run: Run, embeddings: None, tmp_path: Path
) -> None:
    (tmp_path / "empty.pdf").write_bytes(b"")
    result = run("ingest", tmp_path / "empty.pdf", "--json")
    assert result.code == 1 and result.only_json["documents"][0]["status"] == "failed"
    assert "Error: empty.pdf is empty" in result.err


def test_ingest_of_a_path_that_is_not_there_goes_on_with_the_next(
    run: Run, embeddings: None, tmp_path: Path
) -> None:
    (tmp_path / "fox.txt").write_text("Foxes attend to tracks.\n\nThey read each track twice.")
    (tmp_path / "void").mkdir()
    given = [tmp_path / name for name in ("nowhere.pdf", "void", "fox.txt")]
    rows = run("ingest", *given, "--json").json["documents"]
    assert [row["path"] for row in rows] == list(map(str, given))
    assert [row["status"] for row in rows] == ["failed", "failed", "added"]
    assert "nowhere.pdf" in rows[0]["error"] and "folder" in rows[1]["error"]
    alone = run("ingest", tmp_path / "nowhere.pdf", "--json")
    assert alone.code == 1 and alone.only_json["documents"][0]["status"] == "failed"
    assert "Error: There is no file" in alone.err and "nowhere.pdf" in alone.err


def test_ingest_without_embeddings_fails(run: Run, tmp_path: Path) -> None:
    run("ingest", tmp_path, "--json").failed("no embedding model")


def test_papers_list_tells_notes(run: Run) -> None:
    rows = run("papers", "list", "--json").json["papers"]
    assert {NOTES[0], NOTES[1]} <= {row["arxiv_id"] for row in rows}
    assert {row["source"] for row in rows} == {"notes"}


def test_papers_search_works_offline(run: Run) -> None:
    data = run("papers", "search", "attention heads", "--json").json
    assert set(data) == {"library", "arxiv", "note"} and data["library"] and data["note"]


def test_papers_latest(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = ArxivPaper("2401.00001", 1, "T", ("A",), "", NOW, NOW, (), None, None)
    monkeypatch.setattr(ArxivClient, "latest", lambda *_: [paper])
    [row] = run("papers", "latest", "--days", "3", "--json").json["papers"]
    assert row["id"] == "2401.00001" and {"topic", "closeness", "why"} <= set(row)
    assert run("papers", "latest", "--topic", "rlhf", "--category", "cs.AI").code == 0
    run("papers", "latest", "--topic", "foxes", "--json").failed("no topic foxes")


def test_papers_list_with_citations(run: Run) -> None:
    rows = run("papers", "list", "--citations", "--json").json["papers"]
    assert all({"cites", "cited_by", "references"} <= set(row) for row in rows)
    assert run("papers", "list", "--citations").code == 0


def test_papers_that_need_the_network_fail_offline(run: Run, embeddings: None) -> None:
    run("papers", "latest", "--json").failed("offline")
    run("papers", "add", "2401.00001", "--json").failed("offline")
    run("papers", "add", "nonsense", "--json").failed("no arXiv id")
    run("papers", "list", "--refresh", "--json").failed("offline")
    run("papers", "refresh", "--json").failed("offline")


def test_papers_refresh_tells_and_keeps_what_is_new(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = ArxivPaper("1706.03762", 99, "T", ("A",), "", NOW, NOW, (), "10.1000/fox", None)
    monkeypatch.setattr(ArxivClient, "get", lambda *_: [paper])
    [row] = run("papers", "refresh", "1706.03762", "--json").json["papers"]
    assert row["latest_version"] == 99 and "version 99 is out" in row["news"][0]
    shown = run("papers", "refresh", "1706.03762")
    assert shown.code == 0 and "1 of 1 papers" in shown.out
    rows = run("papers", "list", "--json").json["papers"]
    assert [row["doi"] for row in rows if row["news"]] == ["10.1000/fox"]
    run("papers", "refresh", "2401.99999", "--json").failed("no paper 2401.99999")


def test_papers_bibtex(run: Run) -> None:
    data = run("papers", "bibtex", "1706.03762", "--json").json
    assert set(data) == {"bibtex"} and data["bibtex"].count("@misc") == 1
    run("papers", "bibtex", "2401.99999", "--json").failed("2401.99999")


# --- model, doctor, serve ---------------------------------------------------------------------


def test_model_list_which_and_prepare(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    models = run("model", "list", "--json").json["models"]
    assert models and all({"name", "kind", "prepared"} <= set(m) for m in models)
    which = run("model", "which", "--json").json
    assert {"name", "running"} <= set(which) and which["running"] is False
    monkeypatch.setattr("tutor.models.resolve.prepare", lambda *_: Path("/m"))
    assert run("model", "prepare", "x", "--json").json == {"name": "x", "path": "/m"}


def test_model_prepare_of_an_unknown_model_fails(run: Run) -> None:
    run("model", "prepare", "no-such-model", "--json").failed("no-such-model")


def test_doctor_lists_checks_and_exits_with_1_where_one_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("doctor", "--json")
    checks = result.only_json["checks"]
    assert all(set(c) == {"name", "ok", "detail", "cure"} for c in checks)
    assert result.code == 1 and not all(c["ok"] for c in checks), "nothing is prepared here"


def test_serve_passes_its_options_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr("tutor.ui.page.serve_page", lambda tutor, **o: served.append((tutor, o)))
    assert run("serve", "--port", "0", "--no-model", "--no-browser").code == 0
    [(tutor, options)] = served
    assert tutor.settings.port == 0 and not tutor.use_model and options == {"open_browser": False}


# --- output for people ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        ("ask", "What is self-attention?", "--no-model"), ("search", "attention"), ("route", "hi"),
        ("summarize", "1706.03762", "--no-model"), ("quiz", "--topic", "self-attention"),
        ("grade", "--question", "bank:self-attention-c01:0", "--answer", "A"),
        ("roadmap", "--stage", "2"), ("next",), ("progress",), ("review",), ("papers", "list"),
        ("papers", "search", "attention"), ("papers", "bibtex"), ("model", "list"),
        ("model", "which"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_speaks_to_people_too(run: Run, given: tuple[str, ...]) -> None:
    result = run(*given)
    assert result.code == 0 and result.out.strip() and "Traceback" not in result.err


def test_control_characters_of_a_document_do_not_reach_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    output.table("T", ["a"], [["\x1b]0;owned\x07[bold]x[/nothing]"]])
    shown = capfd.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown and "[bold]x[/nothing]" in shown


def test_file_name_with_markup_does_not_break_the_progress_bar() -> None:
    with output.progress() as report:
        report("Reading [/bold].pdf", 0.5)


# --- wrong usage and errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        ("nonsense",), ("ask",), ("ask", "q", "--jsonl", "-"), ("ask", "q", "--mode", "x"),
        ("ask", "--jsonl", "file", "--no-model"), ("search",), ("search", "q", "-k", "0"),
        ("search", "q", "-k", "x"), ("search", "q", "--kind", "song"),
        ("search", "q", "--stage", "8"), ("search", "--jsonl", "file"), ("route",),
        ("route", "--jsonl", "file"), ("summarize",), ("quiz",), ("quiz", "--n", "3"),
        ("quiz", "--stage", "1", "--topic", "x"), ("quiz", "--stage", "1", "--kind", "song"),
        ("quiz", "--stage", "1", "--n", "0"), ("grade",), ("grade", "--question", "x"),
        ("grade", "--answer", "x"), ("grade", "--question", "x", "--answer", "y", "--jsonl", "-"),
        ("roadmap", "--stage", "0"), ("ingest",), ("ingest", "x", "--jobs", "0"),
        ("papers", "latest", "--days", "0"), ("papers", "add"), ("papers", "remove"),
        ("export", "pdf", "--out", "x"), ("export", "json"), ("model", "prepare"),
        ("serve", "--port", "99999"), ("next", "--nonsense"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_exits_with_2(run: Run, given: tuple[str, ...]) -> None:
    result = run(*given)
    assert (result.code, result.out) == (2, ""), f"{result.code}: {result.out!r} {result.err!r}"
    assert result.err.strip() and "Traceback" not in result.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TUTOR_PORT", "abc"), ("TUTOR_CONTEXT_LENGTH", "many"), ("TUTOR_LLM_URL", "nowhere"),
        ("TUTOR_CHROMA_URL", "http://[::1"), ("TUTOR_DATABASE_URL", "nonsense"),
        ("TUTOR_HOME", "/dev/null/tutor"), ("TUTOR_HOME", "~nobody-by-that-name"),
    ],
)  # fmt: skip
def test_broken_setting_exits_with_1_and_names_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    run("next", "--json").failed(name)


@pytest.mark.parametrize("question", ["", "   ", "\n"])
def test_empty_question_fails(run: Run, question: str) -> None:
    run("ask", question, "--no-model", "--json").failed("empty")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TutorError("Two\nlines.", "A\ncure."), 1, "Error: Two lines. A cure.\n"),
        (NetworkError("Away."), 1, "Error: Away.\n"),
        (
            CorpusError("a.yaml: broken"),
            1,
            "Error: The built-in corpus is damaged: a.yaml: broken\n",
        ),
    ],
)
def test_error_is_one_line_on_stderr(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, said: str
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Study, "next_step", fail)
    assert run("next", "--json") == Result(code, "", said)


def test_interruption_exits_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Study, "next_step", interrupt)
    result = run("next", "--json")
    assert result.code == 130 and result.out == "" and "Traceback" not in result.err


def test_tutor_is_closed_whatever_happens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    def fail(*_: Any) -> Any:
        raise TutorError("It broke.")

    monkeypatch.setattr(Study, "next_step", fail)
    monkeypatch.setattr(Tutor, "close", lambda _: closed.append(True))
    run("next").failed("It broke.")
    assert closed == [True]


def outside(*given: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tutor", *given],
        env={**os.environ, "TUTOR_OFFLINE": "1", **environment},
        cwd=Path(__file__).parents[1], capture_output=True, timeout=60,
    )  # fmt: skip


def test_process_ends_with_1_and_one_line() -> None:
    done = outside("next", "--json", TUTOR_PORT="abc")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Error: TUTOR_PORT") and done.stderr.count(b"\n") == 1


def test_json_is_written_whatever_the_terminal_can_encode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    output.write_json({"a": "√ \ud800"})
    assert json.loads(written.getvalue()) == {"a": "√ \ud800"}


def test_reader_that_leaves_causes_no_traceback(home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-m", "tutor", "roadmap", "--json"],
        env={**os.environ, "TUTOR_OFFLINE": "1"}, cwd=Path(__file__).parents[1],
        stdout=writer, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err == b"", err.decode()
