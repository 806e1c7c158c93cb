"""Measure a model at the tutor's work on held-out topics: base beside tuned, with intervals.

    python -m finetune.evaluate MODEL [--adapter [NAME=]FOLDER …] [--questions N] [--out DIR]

Each question of eval's test split on a held-out topic, and bank items of those topics, goes the
whole serving way; only the sampling is done by transformers here. Greedy, so that a figure can be
had again. Intervals are bootstrapped over questions (10,000 draws, 95%).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from finetune.data.facts import RememberedEmbedder, training_retriever
from finetune.data.grounded import Evidence, gather
from finetune.data.questions import Asked, all_questions
from finetune.data.rows import Recorder
from finetune.data.split import EVAL_DATA, HELD_OUT_TOPICS
from finetune.sampling import Sampler
from tutor.answer import Answer, answer_question
from tutor.app import Tutor
from tutor.draft import MARKER, MAX_TOKENS, NO_ANSWER, whole_sentences
from tutor.errors import TutorError
from tutor.models.llm import Message
from tutor.settings import load_settings
from tutor.support import SupportChecker

QUESTIONS = 60
DRAWS = 10_000
GENERAL_TEXT = Path(__file__).parent / "general.txt"


@dataclass(frozen=True)
class Case:
    """A held-out question with what the tutor found, and the prompt it would send."""

    evidence: Evidence
    prompt: tuple[Message, ...]


def main() -> int:
    """The command line above; 1 after an error in words."""
    parser = argparse.ArgumentParser(
        prog="finetune.evaluate", formatter_class=argparse.RawTextHelpFormatter, description=__doc__
    )
    parser.add_argument("model", help="folder of the float model")
    parser.add_argument("--adapter", action="append", default=[], help="measured beside the base")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--batch", type=int, default=8, help="replies written at once")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluate"))
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        tutor = Tutor(load_settings(), use_model=False)
        try:
            inner = tutor.embeddings_or_none()
            tutor.library.prepare()
            path = options.out / "embeddings.npz"
            embedder = RememberedEmbedder(inner, path) if inner is not None else None
            cases = held_out_cases(tutor, embedder, options.questions)
            if embedder is not None:
                embedder.save()
        finally:
            tutor.close()
        models = {"base": Sampler(Path(options.model))}
        for given in options.adapter:
            name, _, folder = given.rpartition("=")
            models[name or Path(folder).name] = Sampler(Path(options.model), Path(folder))
        results = measure(models, cases, embedder, options.batch, options.out)
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    (options.out / "results.json").write_text(json.dumps(results, indent=1), "utf-8")
    print(table(results))
    return 0


def held_out_questions(count: int) -> list[Asked]:
    """Eval's test questions on held-out topics first, then bank items and papers of those."""
    rows = [json.loads(line) for line in (EVAL_DATA / "questions.jsonl").open(encoding="utf-8")]
    asked = [
        Asked(row["question"], row["topic"], f"eval:{row['id']}", "eval")
        for row in rows
        if row["split"] == "test" and row["topic"] in HELD_OUT_TOPICS
    ]
    more = [q for q in all_questions() if q.topic in HELD_OUT_TOPICS and q.kind == "item"]
    Random("held-out").shuffle(more)
    return [*asked, *more][:count]


def held_out_cases(tutor: Tutor, embedder: Any, count: int) -> list[Case]:
    """The questions that reach the model, with the prompts that it gets."""
    retriever = training_retriever(tutor.library, embedder, held_out=True)
    cases = []
    for asked in held_out_questions(count):
        evidence = gather(asked, retriever, embedder)
        recorder = Recorder(NO_ANSWER)
        for _ in answer_question(
            asked.question, evidence.retrieval, llm=recorder, embedder=embedder
        ):
            pass
        if recorder.asked:  # else the tutor refuses before any model is asked
            cases.append(Case(evidence, recorder.asked[0][0]))
    return cases


def measure(
    models: dict[str, Sampler], cases: Sequence[Case], embedder: Any, batch: int, out: Path
) -> dict[str, dict[str, Any]]:
    """All figures of all models; the results so far are written after each batch."""
    scored: dict[str, list[dict[str, float | None]]] = {name: [] for name in models}
    results: dict[str, dict[str, Any]] = {}
    text = GENERAL_TEXT.read_text("utf-8")
    for start in range(0, len(cases), batch):
        part = cases[start : start + batch]
        for name, sampler in models.items():
            drafts = sampler.replies([case.prompt for case in part], MAX_TOKENS)
            with (out / "drafts.jsonl").open("a", encoding="utf-8") as file:
                for case, draft in zip(part, drafts, strict=True):
                    figures = score(case, draft, embedder)
                    scored[name].append(figures)
                    row = {"model": name, "question": case.evidence.asked.question, "draft": draft}
                    file.write(json.dumps({**row, **figures}, ensure_ascii=False) + "\n")
        results = {name: _summary(rows) for name, rows in scored.items()}
        (out / "results.json").write_text(json.dumps(results, indent=1), "utf-8")
        print(f"{start + len(part)} of {len(cases)} questions", file=sys.stderr, flush=True)
    for name, sampler in models.items():
        results[name]["general_perplexity"] = sampler.perplexity(text)
    return results


def _summary(rows: Sequence[dict[str, float | None]]) -> dict[str, Any]:
    return {
        key: interval([value for row in rows if (value := row[key]) is not None]) for key in rows[0]
    }


def score(case: Case, draft: str, embedder: Any) -> dict[str, float | None]:
    """What one draft is worth.

    held: it is shown in the model's words. supported: share of its sentences. precision: share of
    its markers that name the fact that supports the sentence; None where it sets none. recall:
    share of its sentences with such a marker.
    """
    retrieval = case.evidence.retrieval
    parts = answer_question(
        case.evidence.asked.question, retrieval, llm=Recorder(draft or " "), embedder=embedder
    )
    answer = next(part for part in parts if isinstance(part, Answer))
    checker = SupportChecker(retrieval.passages[:5], embedder)
    sentences = whole_sentences(draft)
    supported = right = 0
    markers = 0
    for sentence in sentences:
        support = checker.check(MARKER.sub("", sentence))
        said = {int(n) for group in MARKER.findall(sentence) for n in group.split(",") if n.strip()}
        markers += len(said)
        if support is not None and support.supported:
            supported += 1
            right += support.passage + 1 in said
    count = len(sentences) or 1
    return {
        "held": float(answer.mode == "model"),
        "supported": supported / count,
        "precision": min(1.0, right / markers) if markers else None,
        "recall": right / count,
        "refused": float(NO_ANSWER in draft.lower()),
        "words": float(len(draft.split())),
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and bootstrapped 95% interval."""
    import numpy as np

    if not values:
        return {"mean": float("nan"), "low": float("nan"), "high": float("nan"), "n": 0}
    rng = np.random.default_rng(0)
    array = np.asarray(values)
    means = array[rng.integers(0, len(array), (DRAWS, len(array)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(array.mean()), "low": float(low), "high": float(high), "n": len(array)}


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures as Markdown, a column a model."""
    names = list(results)
    lines = ["| figure | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for key in results[names[0]]:
        cells = []
        for name in names:
            value = results[name][key]
            if isinstance(value, dict):
                bounds = f"{value['low']:.3g}–{value['high']:.3g}, n={value['n']}"
                cells.append(f"{value['mean']:.3g} ({bounds})")
            else:
                cells.append(f"{value:.4g}")
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
