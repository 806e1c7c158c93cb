"""Three hints, each saying more than the one before, none of them giving the key away."""

from __future__ import annotations

import re

from corpus.roadmap import load_roadmap
from tutor.exercises.leaks import gives_away
from tutor.exercises.question import Question
from tutor.exercises.screening import sentences

STEPS = 3

FALLBACKS = {
    "choice": (
        "Say in your own words what is asked before you read the options.",
        "Cross out what can't be right, and say why for each option that you cross out.",
        "Test each option that is left on a small example of your own.",
    ),
    "numeric": (
        "Write down what is given and what is asked, with units.",
        "Write the formula in symbols before you put numbers in.",
        "Put the numbers in step by step, and round at the very end.",
    ),
    "text": (
        "Name the thing that is asked about, and say what it does.",
        "Then say why: what would go wrong without it?",
        "Check that you have answered every part of the question.",
    ),
    "code": (
        "Read the task again and list the inputs and outputs of each function.",
        "Run the starter on the smallest input, and look at shapes and types.",
        "Write the simplest version that handles this input, then widen it.",
    ),
}


def hint_ladder(question: Question) -> tuple[str, str, str]:
    """The three hints for a question, mildest first.

    The first names the objective, the second a mistake to avoid or what a full answer covers, and
    the third the first step. Whatever would give the key away is replaced by general advice.
    """
    chosen: list[str] = []
    for step, candidates in enumerate((_aim(question), _warning(question), _first_step(question))):
        # The same option or thought is not worth a second hint.
        said = " ".join(chosen)
        safe = [
            f"{lead}{text}"
            for lead, text in candidates
            if text not in said and not gives_away(f"{said} {lead}{text}", question)
        ]
        chosen.append(safe[0] if safe else FALLBACKS[question.kind][step])
    return chosen[0], chosen[1], chosen[2]


def _aim(question: Question) -> list[tuple[str, str]]:
    topic = next((t for t in load_roadmap().topics() if t.id == question.topic), None)
    if topic is None or question.objective is None:
        return []
    aim = f"{topic.objectives[question.objective]}."
    found = [("The aim here: ", aim)]
    if question.citation and question.citation.get("section"):
        where = f"“{question.citation['section']}” in “{question.citation['title']}” covers it."
        found.insert(0, ("The aim here: ", f"{aim} {where}"))
    return found


def _warning(question: Question) -> list[tuple[str, str]]:
    if question.kind == "choice":
        return _ruled_out(question)
    if question.kind == "numeric":
        lead = "Take care. Some go wrong here like this: "
        return [(lead, f"{mistake.why.rstrip('.')}.") for mistake in question.mistakes]
    count = len(question.rubric)
    return [(f"A full answer makes {count} points. ", "Which ones do you have?")] if count else []


def _first_step(question: Question) -> list[tuple[str, str]]:
    if question.kind == "choice":
        return _ruled_out(question)
    steps = sentences(question.explanation)
    if question.kind == "numeric" and steps:
        # What stands before the first equals sign is the way, what follows leads to the result.
        way = re.split(r"[=:]", steps[0])[0].strip()
        starts = [steps[0], way] if len(way) > 8 else [steps[0]]
        return [("A first step: ", text) for text in starts]
    return [("A first thought: ", text) for text in steps]


def _ruled_out(question: Question) -> list[tuple[str, str]]:
    wrong = _wrong_options(question)
    return [("You can rule out this option: ", f"“{text}”. {why}") for text, why in wrong] + [
        ("A thought that leads astray here: ", why) for _, why in wrong
    ]


def _wrong_options(question: Question) -> list[tuple[str, str]]:
    pairs = zip(question.options or (), question.option_whys, strict=False)
    return [(text, why) for place, (text, why) in enumerate(pairs) if place != question.key and why]
