"""Retrieval-augmented generation without the model: your code goes here."""

import math
import re
from collections import Counter

import numpy as np

NO_ANSWER = "I don't know."
STOP = frozenset("a an and are as at be by for from in is it of on or that the to was with".split())


def tokenize(text: str) -> list[str]:
    """Given: lower-case words and numbers without stop words."""
    return [t for t in re.findall(r"[a-z0-9]+", text.lower()) if t not in STOP]


def chunk_words(text: str, size: int, overlap: int) -> list[str]:
    """Pieces of `size` words; each starts `size - overlap` words after the one before."""
    raise NotImplementedError("write chunk_words")


class Index:
    """TF-IDF vectors of passages, ready for cosine similarity."""

    def __init__(self, passages: list[str]) -> None:
        raise NotImplementedError("complete Index.__init__")


    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The k best (passage index, cosine similarity > 0), best first."""
        raise NotImplementedError("write Index.search")


def build_prompt(question: str, passages: list[str], max_words: int) -> str:
    """Prompt with instructions, numbered sources within max_words, and the question."""
    raise NotImplementedError("write build_prompt")


def split_sentences(answer: str) -> list[str]:
    """Given: sentences of an answer; citations stand before the closing punctuation."""
    return [x.strip() for x in re.split(r"(?<=[.!?])\s+", answer.strip()) if x.strip()]


def check_citations(
    answer: str, passages: list[str], threshold: float = 0.5
) -> list[tuple[str, str]]:
    """(sentence, status) for every sentence of an answer."""
    raise NotImplementedError("write check_citations")
