"""What is put beside the passages that were found: an opening, a definition, a page."""

from __future__ import annotations

from dataclasses import replace

from tutor.retrieve.definitions import asked_term
from tutor.retrieve.retriever import Retrieval, Retriever

NEAR_THE_TOP = 3  # passages whose companions are worth a place
INSIDE = 4  # passages of a paper among which one with a page is looked for


def with_opening(retriever: Retriever, retrieval: Retrieval) -> Retrieval:
    """Put the opening of the best lesson beside its passage: it says what the topic is."""
    best = next((p for p in retrieval.passages if p.kind == "lesson"), None)
    if best is None or best not in retrieval.passages[:NEAR_THE_TOP]:
        return retrieval
    opening = retriever.scope.of_document(best.doc_id)[0]
    passage = retriever.passage(opening, best.score)
    place = retrieval.passages.index(best)
    others = [p for p in retrieval.passages if p.key not in (passage.key, best.key)]
    pair = [best] if best.key == passage.key else [best, passage]
    return replace(retrieval, passages=(*others[:place], *pair, *others[place:]))


def with_definition(retriever: Retriever, question: str, retrieval: Retrieval) -> Retrieval:
    """Put the passage that introduces a term first where the question asks what it is."""
    place = retriever.definitions.get(asked_term(question))
    if place is None or not retrieval.passages:
        return retrieval
    passage = retriever.passage(place, max(p.score for p in retrieval.passages))
    others = [p for p in retrieval.passages if p.key != passage.key]
    return replace(retrieval, passages=(passage, *others))


def with_page(retriever: Retriever, question: str, retrieval: Retrieval) -> Retrieval:
    """Put a page of the paper behind our note on it, where the library has its full text."""
    for place, note in enumerate(retrieval.passages[:NEAR_THE_TOP]):
        if note.kind != "paper" or note.page is not None:
            continue
        known = retriever.scope.of_document(note.doc_id)
        if all(retriever.chunks[i].page is None for i in known):
            continue
        if any(p.doc_id == note.doc_id and p.page for p in retrieval.passages[: place + 2]):
            continue
        inside = retriever.search(question, INSIDE, paper=note.doc_id).passages
        page = next((p for p in inside if p.page is not None), None)
        if page is not None:
            page = replace(page, score=note.score)  # scores of another search don't compare
            others = [p for p in retrieval.passages if p.key != page.key]
            return replace(retrieval, passages=(*others[: place + 1], page, *others[place + 1 :]))
    return retrieval
