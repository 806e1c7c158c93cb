"""Retrieval-augmented generation without the model: retrieve, build a prompt, check citations."""

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
    if size <= 0 or not 0 <= overlap < size:
        raise ValueError("need size > 0 and 0 <= overlap < size")
    words = text.split()
    chunks = []
    for start in range(0, len(words), size - overlap):
        chunks.append(" ".join(words[start : start + size]))
        if start + size >= len(words):  # the end is covered; another piece would only repeat it
            break
    return chunks


class Index:
    """TF-IDF vectors of passages, ready for cosine similarity."""

    def __init__(self, passages: list[str]) -> None:
        counts = [Counter(tokenize(p)) for p in passages]
        df = Counter(t for c in counts for t in c)
        self.column = {t: i for i, t in enumerate(sorted(df))}
        n = len(passages)
        self.idf = np.array([math.log((1 + n) / (1 + df[t])) + 1 for t in self.column])
        self.matrix = np.stack([self._vector(c) for c in counts])

    def _vector(self, counts: Counter) -> np.ndarray:
        v = np.zeros(len(self.column))
        for t, c in counts.items():
            if t in self.column:
                v[self.column[t]] = c
        v *= self.idf
        norm = np.linalg.norm(v)
        return v / norm if norm > 0 else v

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The k best (passage index, cosine similarity > 0), best first."""
        scores = self.matrix @ self._vector(Counter(tokenize(query)))
        order = np.argsort(-scores, kind="stable")[:k]
        return [(int(i), float(scores[i])) for i in order if scores[i] > 0]


def build_prompt(question: str, passages: list[str], max_words: int) -> str:
    """Prompt with instructions, numbered sources within max_words, and the question."""
    lines = [
        "Answer the question from the sources below and from nothing else.",
        "Cite a source after each sentence, like [1].",
        f"If the sources do not contain the answer, reply: {NO_ANSWER}",
        "",
    ]
    used = 0
    for number, passage in enumerate(passages, start=1):
        used += len(passage.split())
        if used > max_words:
            break
        lines.append(f"[{number}] {passage}")
    return "\n".join([*lines, "", f"Question: {question}"])


def split_sentences(answer: str) -> list[str]:
    """Given: sentences of an answer; citations stand before the closing punctuation."""
    return [x.strip() for x in re.split(r"(?<=[.!?])\s+", answer.strip()) if x.strip()]


def check_citations(
    answer: str, passages: list[str], threshold: float = 0.5
) -> list[tuple[str, str]]:
    """(sentence, status) for every sentence of an answer."""
    report = []
    for sentence in split_sentences(answer):
        cited = [int(n) for n in re.findall(r"\[(\d+)\]", sentence)]
        words = set(tokenize(re.sub(r"\[\d+\]", " ", sentence)))
        if sentence == NO_ANSWER:
            status = "abstained"
        elif not cited:
            status = "uncited"
        elif any(not 1 <= n <= len(passages) for n in cited):
            status = "invalid"
        else:
            found = set().union(*(tokenize(passages[n - 1]) for n in cited))
            share = len(words & found) / len(words) if words else 0.0
            status = "supported" if share >= threshold else "unsupported"
        report.append((sentence, status))
    return report
