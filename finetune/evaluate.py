"""Measure a model at the tutor's work on held-out topics: base beside tuned, with intervals.

    python -m finetune.evaluate MODEL [--adapter [NAME=]FOLDER …] [--no-base] [--out DIR]

Each question of eval's test split on a held-out topic, and bank items of those topics, goes the
whole serving way, and the other skills have rows made for held-out topics as the training rows
are; only the sampling is done by transformers here. Greedy, so that a figure can be had again.
Intervals are bootstrapped over questions (10,000 draws, 95%). What DIR/results.json holds of other
models, measured on as many questions, stays in the table; replies that a run wrote before it was
stopped are not written again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from eval.answers import fact_recall
from finetune.data.facts import RememberedEmbedder
from finetune.data.rows import Recorder, Row
from finetune.drafts import Drafts, fingerprint
from finetune.heldout import MEASURED_SKILLS, Case, held_out_cases, held_out_rows
from finetune.rewards import SCHEMAS, reward
from finetune.sampling import Sampler
from finetune.training import base_folder
from tutor.answer import Answer, answer_question
from tutor.app import Tutor
from tutor.draft import MARKER, MAX_TOKENS, NO_ANSWER, whole_sentences
from tutor.errors import TutorError
from tutor.excerpt import SOURCES
from tutor.retrieve import Passage
from tutor.settings import load_settings
from tutor.support import SupportChecker

if TYPE_CHECKING:
    import numpy as np

QUESTIONS, ROWS = 60, 20
DRAWS = 10_000
# What a tuned model may have forgotten; both written for this.
GENERAL_TEXT = Path(__file__).parent / "general.txt"
GENERAL_QUESTIONS = Path(__file__).parent / "general_questions.jsonl"
JSON_TOKENS = 200  # of a reply of the other skills
RESULTS = "results.json"
Figures = dict[str, float | None]


def main() -> int:
    """The command line above; 1 after an error in words."""
    parser = argparse.ArgumentParser(
        prog="finetune.evaluate", formatter_class=argparse.RawTextHelpFormatter, description=__doc__
    )
    parser.add_argument("model", help="folder of the float model, or a known model's name")
    parser.add_argument("--adapter", action="append", default=[], help="measured beside the base")
    parser.add_argument("--no-base", action="store_true", help="measure the adapters alone")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--rows", type=int, default=ROWS, help="of each other skill; 0 for none")
    parser.add_argument("--skills", nargs="+", choices=MEASURED_SKILLS, default=MEASURED_SKILLS)
    parser.add_argument("--no-general", action="store_true", help="no general questions")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="replies written at once")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluate"))
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        base = base_folder(options.model)
        tutor = Tutor(load_settings(), use_model=False)
        try:
            inner = tutor.embeddings_or_none()
            tutor.library.prepare()
            path = options.out / "embeddings.npz"
            embedder = RememberedEmbedder(inner, path) if inner is not None else None
            cases = held_out_cases(tutor, embedder, options.questions)
            rows = held_out_rows(tutor, embedder, options.rows) if options.rows else []
            rows = [row for row in rows if row.skill in options.skills]
            if embedder is not None:
                embedder.save()
        finally:
            tutor.close()
        models = {} if options.no_base else {"base": Sampler(base, threads=options.threads)}
        known = {"base": fingerprint(base)}
        for given in options.adapter:
            name, _, folder = given.rpartition("=")
            name = name or Path(folder).name
            models[name] = Sampler(base, Path(folder), options.threads)
            known[name] = fingerprint(base, Path(folder))
        size = {"questions": len(cases), "rows": len(rows)}
        earlier = _earlier(options.out / RESULTS, size)
        lines = GENERAL_QUESTIONS.read_text("utf-8").splitlines()
        general = [] if options.no_general else [json.loads(line) for line in lines]
        drafts = Drafts(options.out, known)
        results = measure(models, cases, rows, general, embedder, options.batch, drafts)
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    results = {k: v for k, v in earlier.items() if k not in results} | results
    (options.out / RESULTS).write_text(json.dumps(size | {"models": results}, indent=1), "utf-8")
    print(table(results))
    return 0


def _earlier(path: Path, size: dict[str, int]) -> dict[str, Any]:
    """Figures of models that were measured before on as many questions and rows."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text("utf-8"))
    same = all(found.get(key) == count for key, count in size.items())
    return dict(found["models"]) if same else {}


def measure(
    models: dict[str, Sampler],
    cases: Sequence[Case],
    rows: Sequence[Row],
    general: Sequence[dict[str, Any]],
    embedder: Any,
    batch: int,
    drafts: Drafts,
) -> dict[str, dict[str, Any]]:
    """All figures of all models; drafts and progress are written after each batch."""
    scored: dict[str, list[Figures]] = {name: [] for name in models}

    def take(part: Sequence[Any], tokens: int, figure: Callable[[Any, str], Figures]) -> None:
        for name, sampler in models.items():
            replies = [drafts.find(name, one.prompt, tokens) for one in part]
            new = [one for one, reply in zip(part, replies, strict=True) if reply is None]
            written = iter(sampler.replies([one.prompt for one in new], tokens) if new else [])
            made = []
            for one, reply in zip(part, replies, strict=True):
                figures = figure(one, text := next(written) if reply is None else reply)
                scored[name].append(figures)
                if reply is None:
                    made.append((one, text, figures))
            drafts.add(name, tokens, made)

    for start in range(0, len(cases), batch):
        take(cases[start : start + batch], MAX_TOKENS, lambda c, reply: score(c, reply, embedder))
        _progress(f"{min(start + batch, len(cases))} of {len(cases)} questions")
    for skill in dict.fromkeys(row.skill for row in rows):
        of_skill = [row for row in rows if row.skill == skill]
        for start in range(0, len(of_skill), batch):
            take(of_skill[start : start + batch], JSON_TOKENS, score_row)
        _progress(f"{len(of_skill)} rows of {skill}")
    results = {name: _summary(figures) for name, figures in scored.items()}
    text = GENERAL_TEXT.read_text("utf-8")
    for name, sampler in models.items():
        right = [float(sampler.choice(q["question"], q["options"]) == q["answer"]) for q in general]
        if right:
            results[name]["general questions right"] = interval(right)
        results[name]["perplexity of general text"] = sampler.perplexity(text)
    return results


def _progress(done: str) -> None:
    print(done, file=sys.stderr, flush=True)


def _summary(scored: Sequence[Figures]) -> dict[str, Any]:
    names = list(dict.fromkeys(key for figures in scored for key in figures))
    means = {
        key: interval([value for f in scored if (value := f.get(key)) is not None]) for key in names
    }
    wrongly = [f["refused"] for f in scored if f.get("refused") is not None]
    rightly = [f["refusal: right"] for f in scored if f.get("refusal: right") is not None]
    return means | {"refusal: F1": refusal_f1(wrongly, rightly)} if rightly else means


def score_row(row: Row, reply: str) -> Figures:
    """The programmatic reward of a reply, and whether it is of the schema where there is one."""
    right = reward(row.skill, row.prompt[-1].content, reply, row.target, row.source)
    figures: Figures = {f"{row.skill}: right": right}
    if row.skill in SCHEMAS:
        try:
            SCHEMAS[row.skill].model_validate_json(reply)
            figures["valid JSON"] = 1.0
        except ValidationError:
            figures["valid JSON"] = 0.0
    return figures


def score(case: Case, draft: str, embedder: Any) -> Figures:
    """What one draft is worth.

    held: it is shown in the model's words. supported: share of its sentences. precision: share of
    its markers whose passage supports their sentence (citation precision of Gao et al. 2023,
    arXiv:2305.14627, section 3); None where it sets none. recall: share of its sentences with such
    a marker. facts: share of the question's key facts in the draft; shown: in the answer that the
    learner sees, quotes included.
    """
    retrieval = case.evidence.retrieval
    parts = answer_question(
        case.evidence.asked.question, retrieval, llm=Recorder(draft or " "), embedder=embedder
    )
    answer = next(part for part in parts if isinstance(part, Answer))
    passages = retrieval.passages[:SOURCES]

    def supports(sentence: str, sources: Sequence[Passage]) -> bool:
        support = SupportChecker(sources, embedder).check(sentence)
        return support is not None and support.supported

    sentences = whole_sentences(draft)
    supported = marked = markers = right = 0
    for sentence in sentences:
        text = MARKER.sub("", sentence)
        said = {int(n) for group in MARKER.findall(sentence) for n in re.findall(r"\d+", group)}
        good = sum(supports(text, passages[n - 1 : n]) for n in said if n > 0)
        supported += supports(text, passages)
        markers += len(said)
        right += good
        marked += good > 0
    count = len(sentences) or 1
    return {
        "held": float(answer.mode == "model"),
        "supported": supported / count,
        "precision": right / markers if markers else None,
        "recall": marked / count,
        "refused": float(NO_ANSWER in draft.lower()),
        "words": float(len(draft.split())),
        "facts": fact_recall(list(case.facts), draft) if case.facts else None,
        "facts shown": fact_recall(list(case.facts), answer.answer) if case.facts else None,
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and bootstrapped 95% interval."""
    import numpy as np

    array = np.asarray(values, dtype=float)
    return _bootstrapped([array], lambda draw: draw[0].mean(-1))


def refusal_f1(wrongly: Iterable[Any], rightly: Iterable[Any]) -> dict[str, float]:
    """F1 of refusing, with its interval.

    Args:
        wrongly: For each question that the facts answer, 1 where it was refused.
        rightly: For each question that they don't answer, 1 where it was refused.
    """
    import numpy as np

    def f1(draw: list[np.ndarray]) -> np.ndarray:
        false, true = draw[0].sum(-1), draw[1].sum(-1)
        missed = draw[1].shape[-1] - true
        return np.asarray(2 * true / np.maximum(2 * true + false + missed, 1))

    return _bootstrapped([np.array([*wrongly], float), np.array([*rightly], float)], f1)


def _bootstrapped(
    samples: list[np.ndarray], figure: Callable[[list[np.ndarray]], np.ndarray]
) -> dict[str, float]:
    import numpy as np

    count = sum(len(sample) for sample in samples)
    if not all(len(sample) for sample in samples):
        return {"mean": float("nan"), "low": float("nan"), "high": float("nan"), "n": count}
    rng = np.random.default_rng(0)
    drawn = [s[rng.integers(0, len(s), (DRAWS, len(s)))] for s in samples]
    low, high = np.percentile(figure(drawn), [2.5, 97.5])
    return {"mean": float(figure(samples)), "low": float(low), "high": float(high), "n": count}


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures as Markdown, a column a model."""
    names = list(results)
    lines = ["| figure | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for key in results[names[0]]:
        cells = []
        for name in names:
            value = results[name].get(key)
            if value is None:
                cells.append("")
            elif isinstance(value, dict):
                bounds = f"{value['low']:.3g}–{value['high']:.3g}, n={value['n']}"
                cells.append(f"{value['mean']:.3g} ({bounds})")
            else:
                cells.append(f"{value:.4g}")
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
