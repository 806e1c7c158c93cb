"""Time to the first token and to the whole answer, beside the bare model server's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from eval.report import Context, Metric, TaskResult, read_lines
from tutor.draft import EXPLAIN_SYSTEM, MAX_TOKENS, explain_prompt
from tutor.models.llm import LLM, Message
from tutor.retrieve.companions import with_opening

SAMPLE = 8


def run(context: Context) -> TaskResult:
    """The same questions through Tutor and, with the same prompts, straight to the server."""
    llm = context.tutor.llm()
    if llm is None:
        return TaskResult("speed", (), skipped="no language model is running")
    rows = [q for q in read_lines("questions.jsonl") if q["split"] == "test" and q["topic"]]
    rows = rows[:: max(1, len(rows) // SAMPLE)][: SAMPLE if context.quick else 3 * SAMPLE]
    first: list[float] = []
    whole: list[float] = []
    bare_first: list[float] = []
    bare_whole: list[float] = []
    for row in rows:
        prompt = _prompt(context, row["question"])
        # Each prompt goes to the server twice, in turn first, so that neither side owns its cache.
        tutor_goes_first = len(first) % 2 == 0
        if not tutor_goes_first:
            _time_bare(llm, prompt, bare_first, bare_whole)
        started = time.perf_counter()
        got_first = False
        for part in context.tutor.ask(row["question"]):
            if isinstance(part, str) and not got_first:
                first.append((time.perf_counter() - started) * 1e3)
                got_first = True
        whole.append((time.perf_counter() - started) * 1e3)
        if tutor_goes_first:
            _time_bare(llm, prompt, bare_first, bare_whole)
    return TaskResult(
        "speed",
        (
            Metric(
                "time to the first token",
                median(first),
                " ms",
                median(bare_first),
                "bare server",
                note=f"median of {len(rows)}; half of the prompts cached on each side",
            ),
            Metric(
                "time to the whole answer",
                median(whole),
                " ms",
                median(bare_whole),
                "bare server",
                note="Tutor's includes retrieval and the check of every sentence",
            ),
        ),
    )


def _prompt(context: Context, question: str) -> list[Message]:
    retriever = context.tutor.library.retriever()
    passages = with_opening(retriever, retriever.search(question)).passages
    user = explain_prompt(question, passages, context.tutor.embedder_if_loaded)
    return [Message("system", EXPLAIN_SYSTEM), Message("user", user)]


def _time_bare(
    llm: LLM, messages: Sequence[Message], firsts: list[float], wholes: list[float]
) -> None:
    started = time.perf_counter()
    waiting = True
    for _ in llm.stream(messages, max_tokens=MAX_TOKENS):
        if waiting:
            firsts.append((time.perf_counter() - started) * 1e3)
            waiting = False
    wholes.append((time.perf_counter() - started) * 1e3)
