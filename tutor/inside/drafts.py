"""The same question to the base and to what training made of it, beside each other.

Each variant goes the tutor's own way: the same passages, the same prompt, the same check of every
sentence. What is shown is the draft, which a learner otherwise sees only where it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tutor.answer import Answer, answer_question
from tutor.draft import MARKER, whole_sentences
from tutor.errors import InputError
from tutor.evidence import trusted
from tutor.excerpt import SOURCES
from tutor.inside.llm import LocalLLM
from tutor.inside.weights import LocalModel, Variant
from tutor.models.llm import Message
from tutor.retrieve import Passage, Retrieval
from tutor.support import SupportChecker

if TYPE_CHECKING:
    from tutor.models.embed import Embedder

MOST_CHARACTERS = 400  # of a question


@dataclass(frozen=True)
class Checked:
    """A sentence of a draft; `source` and `quote` are empty where nothing supports it."""

    text: str
    supported: bool
    source: str = ""
    quote: str = ""


@dataclass(frozen=True)
class Draft:
    """What one variant wrote.

    Attributes:
        sentences: Checked when the draft is at its end; empty before.
        tokens: Written so far.
        first_token_s, seconds: Until the first token, and in all.
        verdict: What the tutor makes of it; empty while it is being written.
        shown: Whether a learner would see these words.
    """

    variant: Variant
    text: str = ""
    sentences: tuple[Checked, ...] = ()
    tokens: int = 0
    first_token_s: float = 0.0
    seconds: float = 0.0
    verdict: str = ""
    shown: bool = False


@dataclass(frozen=True)
class Comparison:
    """The state of a comparison.

    Attributes:
        prompt: What every variant was given; empty until the first is asked.
        drafts: In the order asked for; those to come are not there yet.
        refusal: Why no model was asked at all; else empty.
        passages: Keys of the passages that the facts are from.
    """

    question: str
    prompt: tuple[Message, ...] = ()
    drafts: tuple[Draft, ...] = ()
    refusal: str = ""
    passages: tuple[str, ...] = ()


def compare(
    question: str,
    find: Callable[[str], Retrieval],
    local: LocalModel,
    variants: Sequence[Variant],
    *,
    embedder: Embedder | None = None,
    library: frozenset[str] = frozenset(),
) -> Iterator[Comparison]:
    """Ask each variant in turn; yields the state at first, after each token, and at the end.

    Args:
        find: Finds the passages for a question: `Tutor.evidence`.
        variants: Whom to ask.
        embedder: Sharpens the choice of facts and the check, as in the chat.
        library: arXiv ids that are known.

    Raises:
        InputError: There is no question, or nobody to ask.
        ModelError: The model can't be had.
    """
    if not question.strip() or len(question) > MOST_CHARACTERS:  # before anything is searched
        raise InputError(
            f"A question here has 1 to {MOST_CHARACTERS} characters.", "Type a short question."
        )
    if not variants:
        raise InputError("No model is chosen.", "Choose at least one.")
    question = question.strip()
    retrieval = find(question)
    passages = trusted(retrieval.passages)[:SOURCES]
    state = Comparison(question, passages=tuple(passage.key for passage in passages))
    yield state
    for variant in variants:
        llm = LocalLLM(local, variant.name)
        draft = Draft(variant)
        parts = answer_question(question, retrieval, llm=llm, embedder=embedder, library=library)
        answer: Answer | None = None
        for part in parts:
            if isinstance(part, Answer):
                answer = part
                break
            draft = replace(
                draft,
                text=draft.text + part,
                tokens=llm.tokens,
                first_token_s=llm.first_token_s,
                seconds=llm.writing_s,
            )
            yield replace(state, prompt=llm.messages, drafts=(*state.drafts, draft))
        assert answer is not None  # it ends every answer
        if not llm.messages:
            yield replace(state, refusal=answer.reason or answer.answer)
            return
        draft = replace(
            draft,
            sentences=tuple(checked_sentences(draft.text, passages, embedder)),
            tokens=llm.tokens,
            seconds=llm.writing_s,
            verdict=_verdict(answer, llm),
            shown=answer.mode == "model",
        )
        state = replace(state, prompt=llm.messages, drafts=(*state.drafts, draft))
        yield state


def checked_sentences(
    draft: str, passages: Sequence[Passage], embedder: Embedder | None = None
) -> Iterator[Checked]:
    """Each sentence of a draft, without its markers, with the evidence that the check found."""
    checker = SupportChecker(passages, embedder)
    for raw in whole_sentences(draft):
        text = MARKER.sub("", raw).strip()
        support = checker.check(text) if text else None
        if support is not None and support.supported:
            passage = passages[support.passage]
            source = f"{passage.title}, {passage.section}" if passage.section else passage.title
            yield Checked(text, True, source, support.quote)
        elif text:
            yield Checked(text, False)


def _verdict(answer: Answer, llm: LocalLLM) -> str:
    if answer.mode == "model":
        return "Enough of it holds: a learner would see this draft, its sentences marked."
    if not llm.ended:
        return (
            "Given up: its first sentences were not in the sources, or it went round in circles. "
            "A learner would see quotes from the sources instead."
        )
    return (
        "Too little of it holds, or it says too little: a learner would see quotes from the "
        "sources instead."
    )
