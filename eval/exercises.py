"""Are exercises fit to be shown? Stage tests, hints that leak, generated items and their share."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from corpus.roadmap import load_roadmap
from eval.forms import form_metrics
from eval.report import Context, Metric, TaskResult, read_lines
from tutor.exercises.bank import bank_questions
from tutor.exercises.generate import Generation, generate_questions, solver_reasons
from tutor.exercises.hints import FALLBACKS, hint_ladder
from tutor.exercises.leaks import gives_away
from tutor.exercises.parametric import families, parametric_question
from tutor.exercises.phrasing import phrased_drafts
from tutor.exercises.question import Kind, Question
from tutor.exercises.verify import flaws

SEEDS = 3  # instances of each family, and generations of each topic
MODEL_PASSAGES = 40  # that the model writes a question from
_EVERYTHING = 1000


def run(context: Context) -> TaskResult:
    """Stage tests, hints on an adversarial set and on all questions, generated items by kind."""
    details: list[dict[str, Any]] = []
    metrics = [*_counts(), *form_metrics(context.quick), *_leaks(details), *_ladders(context)]
    metrics += _closed(context, details)
    skipped = ""
    if context.tutor.llm() is None:
        skipped = "questions that a model writes: none runs"
    else:
        metrics += _by_model(context, details) + _worded_by_model(context, details)
    return TaskResult("exercises", tuple(metrics), skipped, details)


def _counts() -> list[Metric]:
    bank = Counter(question.kind for question in bank_questions())
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(bank.items()))
    known = families()
    topics = {family.topic for family in known.values()}
    return [
        Metric("items in the bank", float(bank.total()), note=kinds),
        Metric("parametric families", float(len(known)), note=f"on {len(topics)} topics"),
    ]


# --- hints --------------------------------------------------------------------------------------


def _leaks(details: list[dict[str, Any]]) -> list[Metric]:
    """Texts that hide a key in many forms, and harmless ones."""
    lines = list(read_lines("hint_leaks.jsonl"))
    leaks = [line for line in lines if line["leaks"]]
    harmless = [line for line in lines if not line["leaks"]]
    missed = [line for line in leaks if not gives_away(line["text"], question_of(line))]
    shown = 0
    for line in leaks:
        ladder = hint_ladder(question_of(line, hidden=line["text"]))
        shown += any(line["text"].strip(". ") in hint for hint in ladder)
    details += [{"leak missed": line["id"], "form": line["form"]} for line in missed]
    alarms = sum(gives_away(line["text"], question_of(line)) for line in harmless)
    plain = sum(not _contains_key(line["text"], question_of(line)) for line in leaks)
    return [
        Metric(
            "hidden keys that the check misses",
            len(missed) / len(leaks),
            "",
            plain / len(leaks),
            "search for the key's text",
            must=0.0,
            note=f"{len(leaks)} texts",
        ),
        Metric("hidden keys that reach a hint", shown / len(leaks), must=0.0),
        Metric(
            "false alarms on harmless hints", alarms / len(harmless), note=f"{len(harmless)} texts"
        ),
    ]


def question_of(line: dict[str, Any], hidden: str = "") -> Question:
    """The question of a line; `hidden` stands wherever hints are drawn from."""
    options = tuple(line["options"]) if line.get("options") else None
    return Question(
        id=str(line.get("id", "")),
        kind=line["kind"],
        stage=1,
        topic="math-for-ml",
        difficulty=1,
        prompt="",
        source="bank",
        options=options,
        key=line["key"],
        tolerance=float(line.get("tolerance", 0)),
        rubric=tuple(line.get("rubric", ())),
        explanation=hidden,
        option_whys=tuple(hidden for _ in options or ()),
    )


def _contains_key(text: str, question: Question) -> bool:
    """The baseline: the key's own text stands in the hint."""
    key = str(question.key)
    if question.options and isinstance(question.key, int):
        key = question.options[question.key]
    return bool(re.search(rf"(?<!\w){re.escape(key.lower())}(?!\w)", text.lower()))


def _ladders(context: Context) -> list[Metric]:
    """Every hint of every question: does it hold the key's text, and is it more than advice?"""
    questions = bank_questions()
    seeds = range(1 if context.quick else SEEDS)
    questions += [parametric_question(name, seed) for name in families() for seed in seeds]
    hints = [(hint, question) for question in questions for hint in hint_ladder(question)]
    leaking = sum(_contains_key(hint, q) for hint, q in hints if q.kind != "numeric")
    leaking += sum(gives_away(hint, q) for hint, q in hints)
    general = {hint for steps in FALLBACKS.values() for hint in steps}
    specific = sum(hint not in general for hint, _ in hints) / len(hints)
    return [
        Metric("hints that hold the key", float(leaking), must=0.0, note=f"{len(hints)} hints"),
        Metric("hints made for their question", specific, note="the others are general advice"),
    ]


# --- generated items ----------------------------------------------------------------------------


def _closed(context: Context, details: list[dict[str, Any]]) -> list[Metric]:
    """Items made without a model from lessons and notes, and what the reading of them found."""
    passages = _passages(context)
    metrics: list[Metric] = []
    found: dict[str, Question] = {}
    kinds: tuple[Kind, ...] = ("choice", "text")
    for kind in kinds:
        made, dropped = 0, Counter[str]()
        for topic, of_topic in passages.items():
            for seed in range(SEEDS):
                came = generate_questions(of_topic, _EVERYTHING, topic=topic, kind=kind, seed=seed)
                found |= {question.id: question for question in came.questions}
                if seed == 0:
                    made += len(came.questions)
                    dropped += came.dropped
        metrics.append(_yield(f"{kind} items without a model", made, dropped))
    verdicts = {line["id"]: line for line in read_lines("generated_review.jsonl")}
    read = [verdicts[name] for name in found if name in verdicts]
    for form in ("cloze", "misconception", "open"):
        of_form = [line for line in read if line["form"] == form]
        if of_form:
            sound = sum(line["sound"] for line in of_form) / len(of_form)
            metrics.append(Metric(f"{form} items sound", sound, note=f"{len(of_form)} read"))
    sound = sum(line["sound"] for line in read) / max(1, len(read))
    note = f"{len(read)} of {len(found)} different items read by hand"
    metrics.append(Metric("generated items sound", sound if read else None, note=note))
    details += [{"unread": name} for name in found if name not in verdicts]
    details += [line for line in read if not line["sound"]]
    return metrics


def _yield(name: str, made: int, dropped: Counter[str]) -> Metric:
    drafts = made + dropped.total()
    reasons = ", ".join(f"{n} {reason}" for reason, n in dropped.most_common(6))
    share = made / drafts if drafts else None
    return Metric(f"{name}: share kept", share, note=f"{made} kept; dropped: {reasons or 'none'}")


def _passages(context: Context) -> dict[str, list[Any]]:
    """Passages of the built-in corpus by topic; other documents differ from home to home."""
    retriever = context.tutor.library.retriever()
    return {
        topic.id: [
            passage
            for _, passage in retriever.passages_of(topic=topic.id)
            if passage.doc_id == f"lesson:{topic.id}" or passage.section == "Note"
        ]
        for topic in load_roadmap().topics()
    }


def _by_model(context: Context, details: list[dict[str, Any]]) -> list[Metric]:
    """What the model's own questions come to on a sample of passages."""
    llm = context.tutor.llm()
    wanted = 5 if context.quick else MODEL_PASSAGES
    chosen = [
        (topic, passage)
        for topic, passages in _passages(context).items()
        for passage in passages[:1]
    ][:wanted]
    total = Generation()
    for topic, passage in chosen:
        made = generate_questions([passage], 1, topic=topic, kind="choice", llm=llm, own=False)
        total.questions += made.questions
        total.dropped += made.dropped
        details += [{"model": question.to_dict(with_key=True)} for question in made.questions]
    reasons = ", ".join(f"{n} {reason}" for reason, n in total.dropped.most_common(6))
    share = len(total.questions) / max(1, len(chosen))
    note = f"{len(chosen)} passages; dropped (a draft may have several reasons): {reasons}"
    return [Metric("choice items by the model: share kept", share, note=note)]


def _worded_by_model(context: Context, details: list[dict[str, Any]]) -> list[Metric]:
    """Questions on defining sentences that the model words while code picks all the rest."""
    llm = context.tutor.llm()
    assert llm is not None
    dropped: Counter[str] = Counter()
    asked: set[str] = set()
    made = 0
    for topic, passages in _passages(context).items():
        for passage, draft in phrased_drafts(passages, topic, llm, dropped):
            if draft.quote in asked:
                continue  # a note belongs to several topics
            asked.add(draft.quote)
            reasons = flaws(draft, passage.text) or solver_reasons(draft, passage, llm)
            if reasons:
                dropped.update(reasons)
                continue
            made += 1
            details.append({"worded": draft.prompt, "key": draft.key, "quote": draft.quote})
    return [_yield("questions worded by the model", made, dropped)]
