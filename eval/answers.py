"""Are answers grounded? Citations that exist, sentences that hold, refusals where due."""

from __future__ import annotations

from eval.report import Context, Metric, TaskResult, read_lines
from tutor.answer import Answer

SAMPLE, OUTSIDE = 30, 10  # of --quick, drawn evenly: the questions go from easy to hard


def run(context: Context) -> TaskResult:
    """Answers with the model in use, beside quotes without any model."""
    rows = [q for q in read_lines("questions.jsonl") if q["split"] == "test"]
    asked = [q for q in rows if q["topic"]]
    outside = [q for q in rows if not q["topic"]]
    if context.quick:
        asked = asked[:: max(1, len(asked) // SAMPLE)]
        outside = outside[:: max(1, len(outside) // OUTSIDE)]
    tutor = context.tutor
    answers = [(q, _answer(context, q["question"])) for q in asked]
    refusals = [(q, _answer(context, q["question"])) for q in outside]
    details = [
        {
            "question": q["question"],
            "mode": a.mode,
            "refused": a.refused,
            "answer": a.answer,
            "reason": a.reason,
            "timings_ms": a.timings_ms,
        }
        for q, a in answers + refusals
    ]
    known = {f"{c.doc_id}#{c.id}": c for c in tutor.library.retriever().chunks}
    cited = [c for _, a in answers for c in a.citations]
    valid = [c for c in cited if c.key in known and _folded(c.quote) in _folded(known[c.key].text)]
    sentences = [s for _, a in answers if not a.refused for s in a.sentences]
    right_topic = [
        any(q["topic"] in known[c.key].topics for c in a.citations if c.key in known)
        for q, a in answers
    ]
    facts = [(q, a) for q, a in answers if q.get("facts")]
    found = [fact_recall(q["facts"], a.answer) for q, a in facts]
    by_model = [a for _, a in answers if a.mode == "model"]
    return TaskResult(
        "answers",
        (
            Metric(
                "citations that name a retrieved passage and quote it",
                _share(len(valid), len(cited)),
                must=1.0,
                note=f"{len(cited)} citations",
            ),
            Metric(
                "sentences supported",
                _share(sum(s.supported for s in sentences), len(sentences)),
                note=f"{len(sentences)} sentences",
            ),
            Metric("answers that cite the right topic", _share(sum(right_topic), len(right_topic))),
            Metric(
                "key facts in the answer",
                _share(sum(found), len(found)),
                note=f"{len(found)} answers",
            ),
            Metric(
                "answers in the model's words",
                _share(len(by_model), len(answers)),
                note="the others were quoted: their draft did not hold",
            ),
            Metric(
                "answerable questions refused",
                _share(sum(a.refused for _, a in answers), len(answers)),
            ),
            Metric(
                "unanswerable questions refused",
                _share(sum(a.refused for _, a in refusals), len(refusals)),
                note=f"{len(refusals)} questions",
            ),
        ),
        details=details,
    )


def _answer(context: Context, question: str) -> Answer:
    return next(part for part in context.tutor.ask(question) if isinstance(part, Answer))


def fact_recall(facts: list[str], answer: str) -> float:
    """Share of key facts (short phrases) that the answer holds."""
    text = _folded(answer)
    return sum(any(_folded(way) in text for way in fact.split("|")) for fact in facts) / len(facts)


def _folded(text: str) -> str:
    """Lower case, single blanks, without the label that introduces a correction."""
    return " ".join(text.lower().replace("**correction.**", "").split())


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
