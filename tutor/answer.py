"""Question + passages -> Answer: every sentence carries its sources and whether they support it.

The model writes a draft from numbered passages. Code then decides what is cited: a marker stands
only behind a sentence that the cited passage supports, so a citation that was not retrieved in
this turn can't occur. Without a model, or where its draft does not hold, the answer is quoted
from the passages instead.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from corpus.exercises import TextItem, load_items
from tutor.cited import Answer, Citation, Cites, Sentence, assembled, refusal, topics_of
from tutor.draft import (
    ENDS_SENTENCE,
    FACTS,
    MARKER,
    NO_ANSWER,
    is_hopeless,
    repeats_itself,
    whole_sentences,
    write_draft,
)
from tutor.errors import ServerError
from tutor.evidence import enough_evidence, names_a_term, trusted, unknown_names, unknown_papers
from tutor.excerpt import SOURCES, best_sentences
from tutor.retrieve import Passage, Retrieval, stems
from tutor.sanitize import gives_orders, safe_markdown
from tutor.support import Support, SupportChecker

if TYPE_CHECKING:
    from tutor.models.embed import Embedder
    from tutor.models.llm import LLM, Message

__all__ = ["Answer", "Citation", "Sentence", "answer_question"]

FEWEST_WORDS = 12  # in the supported sentences of a draft that is shown
ENOUGH_WORDS = 120  # … and below this, the length of an answer in quotes, quotes complete it
HELD = 0.5  # share of supported sentences below which the draft gives way to quotes
NEAR = 0.3  # cosine by which a sentence may be farther from the question than the nearest fact
LEADS = 0.1  # … by which all are farther where that fact is put before them


def answer_question(
    question: str,
    retrieval: Retrieval,
    *,
    llm: LLM | None = None,
    embedder: Embedder | None = None,
    history: Sequence[Message] = (),
    mode: Literal["explain", "socratic"] = "explain",
    library: frozenset[str] = frozenset(),
) -> Iterator[str | Answer]:
    """Answer from the passages: first the draft's text as it comes, last the checked Answer.

    Args:
        question: The learner's words.
        retrieval: What was found for it.
        llm: Writes the draft; None quotes the passages.
        embedder: Sharpens the check of support and the choice of quotes.
        history: Earlier turns.
        mode: "socratic" asks back instead of telling.
        library: arXiv ids that are known, to notice a question about another paper.
    """
    started = time.perf_counter()
    timings = {"retrieve": retrieval.timings_ms["total"], "first_token": 0.0}
    passages = trusted(retrieval.passages)

    def finish(answer: Answer) -> Answer:
        total = (time.perf_counter() - started) * 1e3 + timings["retrieve"]
        return replace(answer, timings_ms=timings | {"total": round(total, 1)})

    unknown = unknown_papers(question, library)
    if unknown:
        reason = (
            f"The paper arXiv:{unknown[0]} is not in the library, so nothing is claimed about it."
            f" Add it with 'tutor papers add {unknown[0]}' or drop its PDF into the chat."
        )
        yield finish(refusal(question, reason, ()))
        return
    names = unknown_names(question, passages)
    if names:
        reason = (
            f"Nothing in the library that is near to this speaks of {names[0]}, so nothing is"
            " claimed about it. Add a source on it on the Papers tab or with 'tutor ingest'."
        )
        yield finish(refusal(question, reason, passages[:3]))
        return
    if not passages or not (enough_evidence(retrieval) or names_a_term(question, retrieval)):
        reason = "The library holds too little on this question to answer it."
        yield finish(refusal(question, reason, passages[:3]))
        return
    if mode == "socratic":
        yield finish(_socratic(question, passages, embedder))
        return

    checker = SupportChecker(passages[:SOURCES], embedder)
    draft, reason_quoted = "", "No language model is running, so the sources are quoted."
    if llm is not None:
        try:
            for delta in write_draft(llm, question, passages, history, embedder):
                if not draft:
                    timings["first_token"] = round((time.perf_counter() - started) * 1e3, 1)
                draft += delta
                yield delta
                if ENDS_SENTENCE.search(delta) and is_hopeless(draft, checker):
                    break  # closing the stream stops the model
        except ServerError as error:
            draft = ""  # it broke off in the middle
            reason_quoted = (
                f"The language model went away ({error.message}), so the sources are quoted."
            )
    if llm is not None and draft:
        answer = _checked(question, draft, passages[:SOURCES], checker, llm.name, embedder)
        if answer is not None:
            yield finish(answer)
            return
        reason_quoted = "The model's draft did not hold, so the sources are quoted."
    quoted = _quoted(question, passages, embedder)
    yield finish(replace(quoted, reason=reason_quoted))


def _checked(
    question: str,
    draft: str,
    passages: Sequence[Passage],
    checker: SupportChecker,
    model: str,
    embedder: Embedder | None,
) -> Answer | None:
    """The draft with checked citations; None where too little of it holds and answers."""
    checked: list[tuple[str, Support | None]] = []
    dropped = 0
    seen: set[str] = set()
    for raw in whole_sentences(draft):
        claimed = {int(n) for group in MARKER.findall(raw) for n in re.split(r"\s*[,;]\s*", group)}
        text = safe_markdown(MARKER.sub("", raw)).strip()
        folded = " ".join(text.lower().split())
        if not text or folded in seen or gives_orders(text):
            continue  # small models repeat themselves
        seen.add(folded)
        support = checker.check(text)
        supported = support is not None and support.supported and not repeats_itself(text)
        # A marker counts only where code found the same passage to support the sentence.
        dropped += len(claimed - ({support.passage + 1} if support and supported else set()))
        checked.append((text, support if supported else None))
    if NO_ANSWER in draft.lower() or sum(s is not None for _, s in checked) < HELD * len(checked):
        return None
    cites = Cites(passages)
    sentences = [
        Sentence(text, (cites.number(s.passage, s.quote),) if s else (), s is not None)
        for text, s in _near(checked, question, passages, embedder)
    ]
    if sum(len(s.text.split()) for s in sentences if s.supported) < FEWEST_WORDS:
        return None
    _complete(sentences, question, passages, embedder, cites)
    return assembled(question, sentences, cites.citations(), passages, "model", model, dropped)


def _near(
    checked: list[tuple[str, Support | None]],
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder | None,
) -> list[tuple[str, Support | None]]:
    """The sentences that are about as near to the question as the nearest fact, and that fact.

    A small model retells what stands there, whether it answers or not; embeddings tell better. The
    nearest fact comes first, in its own words, where no sentence is as near.
    """
    facts = best_sentences(question, passages, embedder, FACTS)
    if embedder is None or not checked or not facts:
        return checked
    texts = [question, *(fact for _, fact in facts), *(text for text, _ in checked)]
    vectors = embedder.embed(texts)
    nearness = [float(value) for value in vectors[1:] @ vectors[0]]
    best = max(range(len(facts)), key=nearness.__getitem__)
    told = list(zip(checked, nearness[len(facts) :], strict=True))
    kept = [pair for pair, near in told if near >= nearness[best] - NEAR]
    if kept and max(near for _, near in told) < nearness[best] - LEADS:
        i, quote = facts[best]
        kept.insert(0, (safe_markdown(quote), Support(i, quote, 1.0, True)))
    return kept


def _complete(
    sentences: list[Sentence],
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder | None,
    cites: Cites,
) -> None:
    """Add quotes to a draft that holds but says little, as small models' drafts do."""
    told = {stem for sentence in sentences for stem in stems(sentence.text)}
    said = sum(len(sentence.text.split()) for sentence in sentences if sentence.supported)
    for i, quote in best_sentences(question, passages, embedder):
        if said >= ENOUGH_WORDS:
            break
        new = set(stems(quote)) - told
        if len(new) >= 0.5 * len(set(stems(quote))):
            sentences.append(Sentence(safe_markdown(quote), (cites.number(i, quote),), True))
            told |= new
            said += len(quote.split())


def _quoted(question: str, passages: Sequence[Passage], embedder: Embedder | None) -> Answer:
    """The sentences of the passages that answer best, word for word."""
    cites = Cites(passages)
    chosen = best_sentences(question, passages, embedder)
    sentences = [Sentence(safe_markdown(s), (cites.number(i, s),), True) for i, s in chosen]
    return assembled(question, sentences, cites.citations(), passages, "passages", "", 0)


def _socratic(question: str, passages: Sequence[Passage], embedder: Embedder | None) -> Answer:
    """A hint from the sources and a question back, from the item bank."""
    cites = Cites(passages)
    i, hint = best_sentences(question, passages, embedder)[0]
    sentences = [Sentence(safe_markdown(hint), (cites.number(i, hint),), True)]
    topics = topics_of(passages)
    asked = [
        x.prompt for x in load_items().values() if isinstance(x, TextItem) and x.topic in topics[:1]
    ]
    back = asked[0] if asked else "How would you put this in your own words?"
    sentences.append(Sentence(f"Before I say more, try this: {back}", (), True))
    return assembled(question, sentences, cites.citations(), passages, "passages", "", 0)
