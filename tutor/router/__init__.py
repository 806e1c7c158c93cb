"""What a message asks for: rules of high precision first, then a classifier over exemplars.

No language model is called. The classifier is a TF-IDF model of words and letters, blended with
one over sentence embeddings where an embedder is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from corpus.loading import load_yaml
from tutor.router.model import IntentModel
from tutor.router.names import count_terms, normalize
from tutor.router.rules import HINT, QUESTION, match_rule, names_foreign_subject
from tutor.router.slots import find_slots

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

Intent = Literal[
    "explain", "summarize_paper", "quiz", "answer_submission", "hint", "plan_next", "progress",
    "find_papers", "code_exercise", "smalltalk", "out_of_scope",
]  # fmt: skip
INTENTS: tuple[Intent, ...] = get_args(Intent)

UNSURE = 0.35  # below this the classifier's word alone does not count


@dataclass(frozen=True)
class RouteContext:
    """What surrounds a message.

    Attributes:
        open_question: A quiz question waits for its answer.
        uploaded_pdf: A PDF came with this message or is the document in focus.
        last_action: The intent of the turn before.
    """

    open_question: bool = False
    uploaded_pdf: bool = False
    last_action: str | None = None


@dataclass(frozen=True)
class Route:
    """Where a message goes."""

    intent: Intent
    confidence: float
    slots: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The fields of the command line's JSON."""
        return {
            "intent": self.intent,
            "confidence": round(self.confidence, 3),
            "slots": dict(self.slots),
        }


class Router:
    """Tells what a message asks for.

    Args:
        embedder: Sentence embeddings; without them words and letters decide alone.
        cache: Folder that keeps the exemplars' embeddings between starts.
    """

    def __init__(self, embedder: Embedder | None = None, cache: Path | None = None) -> None:
        self.embedder = embedder
        exemplars = load_yaml(Path(__file__).with_name("exemplars.yaml"))
        lower: dict[str, list[str]] = {
            intent: [normalize(text) for text in exemplars[intent]] for intent in INTENTS
        }
        self._model = IntentModel(lower, embedder, cache)

    def route(self, text: str, context: RouteContext = RouteContext()) -> Route:
        """Find the intent and the slots of a message. Never raises, whatever the text."""
        low = normalize(text)
        if not low:
            return Route("smalltalk", 0.2)
        intent, confidence = match_rule(low, context) or self._classify(low, context)
        return Route(intent, confidence, find_slots(text, intent))

    def _classify(self, low: str, context: RouteContext) -> tuple[Intent, float]:
        scores = self._model.predict(low)
        about_field = count_terms(low) > 0
        asks = bool(QUESTION.match(low)) or low.endswith("?")
        weights: dict[str, float] = dict.fromkeys(INTENTS, 1.0)
        if context.open_question:
            if not asks:
                # A statement that asks for nothing else is an attempt, whatever it is about.
                scores["answer_submission"] += 0.8 * (scores["explain"] + scores["out_of_scope"])
                weights.update(answer_submission=1.5, explain=0.2, out_of_scope=0.2)
            else:
                weights["answer_submission"] = 0.4
            weights.update(hint=1.5, smalltalk=0.6, plan_next=0.5, find_papers=0.5)
        else:
            weights["answer_submission"] = 0.3
            weights["hint"] = 1.0 if HINT.search(low) else 0.5
            if not (about_field or context.last_action or context.uploaded_pdf):
                weights["explain"] = 0.5
        if context.uploaded_pdf:
            weights.update(summarize_paper=2.0, out_of_scope=0.3)
        if about_field:
            weights["out_of_scope"] *= 0.3
        elif names_foreign_subject(low):
            weights["out_of_scope"] *= 1.5
        weighted = {intent: scores[intent] * weights[intent] for intent in INTENTS}
        best = max(INTENTS, key=lambda intent: weighted[intent])
        confidence = weighted[best] / sum(weighted.values())
        if confidence < UNSURE and asks and about_field:
            best = "explain"
        return best, confidence
