"""Fit the score of text answers: `python -m finetune.grader` writes tutor/exercises/score.json.

Data: the sample answers of the item bank, and answers that people scored, from the folder that
TUTOR_SHARED names (data/grading: half the questions of a neural-networks exam, and a networking
course). No answer is shipped, only the fitted numbers. The three sources weigh alike but for the
exam, which is nearest to what Tutor asks. Fitting twice gives the same file.
"""

from __future__ import annotations

import json
import logging
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.exercises import TextItem, load_items
from tutor.errors import TutorError
from tutor.exercises.alignment import CONTENT, MEANING, WORDS, describe
from tutor.exercises.rubric import STOP_WORDS
from tutor.exercises.scoring import FILE, FittedScore, Tree
from tutor.exercises.screening import screen
from tutor.models.embed import load_embedder
from tutor.settings import load_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tutor.models.embed import Embedder

SOURCES = {"exam": 1.0, "bank": 0.7, "networking": 0.7}  # weight of all rows of a source together
FILES = {"exam": "nn_exam_dev.jsonl", "networking": "saf_en.jsonl"}
FOLDS = 5
STRANGERS = 0.1  # share of rows added as answers to another question, worth nothing
CLASSES = 2  # scores are compared as incorrect, partial, correct: round(score * 2)
TREES = {"n_estimators": 120, "max_depth": 3, "learning_rate": 0.06, "subsample": 0.6,
         "min_samples_leaf": 10, "max_features": 0.4, "random_state": 0}  # fmt: skip
RIDGE = 30.0
DOUBTED = 0.1  # scale of CONTENT beside the other numbers: a hundred times the ridge
BINS = 8


@dataclass(frozen=True)
class Row:
    """An answer that people (or the authors of the bank) scored, 0 to 1.

    Attributes:
        group: What must not stand on both sides of a split: the question, or the topic.
        label: Of a sample answer of the bank: full, partial, wrong or off-topic.
    """

    source: str
    group: str
    item: str
    prompt: str
    reference: str
    rubric: tuple[str, ...]
    answer: str
    score: float
    label: str = ""


def bank_rows() -> list[Row]:
    """The sample answers of the bank's text items."""
    return [
        Row("bank", f"bank {item.topic}", item.id, item.prompt, item.reference,
            tuple(item.rubric), sample.text, sample.score, sample.label)
        for item in load_items().values()
        if isinstance(item, TextItem)
        for sample in item.samples
    ]  # fmt: skip


def human_rows(shared: Path, source: str) -> list[Row]:
    """Answers with human scores, but for those that are no answer ("No response.")."""
    rows = []
    for line in (shared / "data/grading" / FILES[source]).read_text("utf-8").splitlines():
        row = json.loads(line)
        if len(row["answer"].split()) > 3:
            group = f"{source} {row['question_id']}"
            rows.append(Row(source, group, group, row["question"].strip(),
                            row["reference"].strip(), (), row["answer"], row["score"]))  # fmt: skip
    return rows


def strangers(rows: Sequence[Row]) -> list[Row]:
    """Answers put beside a question of the same source that they do not answer."""
    chance = random.Random(0)
    made = []
    for source in SOURCES:
        own = [row for row in rows if row.source == source]
        for row in chance.sample(own, int(STRANGERS * len(own))):
            other = chance.choice([o for o in own if o.group != row.group])
            made.append(Row(source, row.group, row.item, row.prompt, row.reference, row.rubric,
                            other.answer, 0.0, "stranger"))  # fmt: skip
    return made


def matrix(rows: Sequence[Row], embedder: Embedder | None) -> NDArray[np.float64]:
    """The numbers of each row [rows, MEANING or WORDS]."""
    import numpy as np

    known = _Known(embedder, rows) if embedder else None
    names = MEANING if embedder else WORDS
    found = [
        describe(screen(row.answer, row.prompt).text or row.answer, row.prompt, row.reference,
                 row.rubric, known)
        for row in rows
    ]  # fmt: skip
    return np.array([[one[name] for name in names] for one in found])


def weights_of(rows: Sequence[Row]) -> NDArray[np.float64]:
    """A weight a row, so that a source counts as SOURCES says, whatever its size."""
    import numpy as np

    sources = [row.source for row in rows]
    weights = np.array([SOURCES[source] / sources.count(source) for source in sources])
    even: NDArray[np.float64] = weights / weights.mean()
    return even


def fit(
    numbers: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> FittedScore:
    """Fit both halves; spread and confidence are left plain."""
    import numpy as np
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import Ridge

    names = MEANING if numbers.shape[1] == len(MEANING) else WORDS
    mean, scale = numbers.mean(axis=0), numbers.std(axis=0) + 1e-9
    # Trees would learn the questions by what their answers are about; a line hardly can.
    compared = np.array([name not in CONTENT for name in names])
    scale[~compared] /= DOUBTED
    linear = Ridge(RIDGE).fit((numbers - mean) / scale, scores, sample_weight=weights)
    slopes = linear.coef_ / scale
    grown = GradientBoostingRegressor(**TREES)
    grown.fit(numbers[:, compared], scores, sample_weight=weights)
    trees = []
    for [estimator] in grown.estimators_:
        tree = estimator.tree_
        trees.append(
            Tree(tuple(int(f) if f >= 0 else -1 for f in tree.feature),
                 tuple(map(float, tree.threshold)), tuple(map(int, tree.children_left)),
                 tuple(map(int, tree.children_right)),
                 tuple(TREES["learning_rate"] * float(v) for v in tree.value.ravel()))
        )  # fmt: skip
    return FittedScore(
        names, tuple(map(float, slopes)), float(linear.intercept_ - slopes @ mean),
        float(grown.init_.constant_.ravel()[0]), tuple(trees), 1.0, 0.0, (), (0.5,),
    )  # fmt: skip


def out_of_fold(rows: Sequence[Row], numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The raw score of each row by a fit that saw no answer to its question."""
    import numpy as np
    from sklearn.model_selection import GroupKFold

    scores, weights = np.array([row.score for row in rows]), weights_of(rows)
    groups = [row.group for row in rows]
    raw = np.zeros(len(rows))
    for train, test in GroupKFold(FOLDS).split(numbers, groups=groups):
        fitted = fit(numbers[train], scores[train], weights[train])
        raw[test] = [fitted.raw(row) for row in numbers[test]]
    return raw


def spread(
    raw: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope and offset that give raw scores the mean and spread of people's."""
    import numpy as np

    means = np.average(raw, weights=weights), np.average(scores, weights=weights)
    spreads = [
        np.sqrt(np.average((v - m) ** 2, weights=weights))
        for v, m in zip((raw, scores), means, strict=True)
    ]
    slope = float(spreads[1] / spreads[0])
    return slope, float(means[1] - slope * means[0])


def binned(
    given: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Borders between bins of like size, and the share of right verdicts in each bin."""
    import numpy as np

    right = np.rint(given * CLASSES) == np.rint(scores * CLASSES)
    # Many answers score 0 or 1: borders that are scores themselves leave no bin empty.
    borders = np.quantile(given, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    borders = np.unique(borders[borders > given.min()])
    bins = np.searchsorted(borders, given, side="right")
    shares = [
        float(np.average(right[bins == b], weights=weights[bins == b]))
        for b in range(len(borders) + 1)
    ]
    return tuple(map(float, borders)), tuple(shares)


def calibrated(rows: Sequence[Row], numbers: NDArray[np.float64]) -> FittedScore:
    """The model fitted on all rows, with spread and confidence from rows it had not seen."""
    import numpy as np

    scores, weights = np.array([row.score for row in rows]), weights_of(rows)
    raw = out_of_fold(rows, numbers)
    slope, offset = spread(raw, scores, weights)
    borders, confidences = binned(np.clip(offset + slope * raw, 0, 1), scores, weights)
    fitted = fit(numbers, scores, weights)
    return FittedScore(
        fitted.names, fitted.weights, fitted.intercept, fitted.base, fitted.trees, slope, offset,
        borders, confidences,
    )  # fmt: skip


def write_score(rows: Sequence[Row], embedder: Embedder, path: Path) -> None:
    """Fit with and without meaning, and write the file."""
    numbers = matrix(rows, embedder)
    data: dict[str, Any] = {
        "words": calibrated(rows, numbers[:, : len(WORDS)]).to_dict(),
        "meaning": calibrated(rows, numbers).to_dict(),
    }
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n", "utf-8")


def main() -> int:
    """Fit and write; 1 where the data or the embedding model is missing."""
    logging.basicConfig(level=logging.WARNING)
    settings = load_settings()
    if settings.shared is None:
        print("Error: TUTOR_SHARED names no folder with data/grading.", file=sys.stderr)
        return 1
    try:
        rows = bank_rows() + [row for s in FILES for row in human_rows(settings.shared, s)]
        rows += strangers(rows)
        write_score(rows, load_embedder(settings), FILE)
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Fitted on {len(rows)} answers: {FILE}")
    return 0


class _Known:
    """Token vectors of all texts, made at once: a reference is embedded once, not each time."""

    def __init__(self, embedder: Embedder, rows: Sequence[Row]) -> None:
        texts = {screen(row.answer, row.prompt).text or row.answer for row in rows}
        texts |= {row.prompt for row in rows} | {row.reference for row in rows}
        ordered = sorted(texts)
        vectors, tokens = embedder.embed_tokens(ordered, STOP_WORDS)
        self.name, self.dimension = embedder.name, embedder.dimension
        self._known = dict(zip(ordered, zip(vectors, tokens, strict=True), strict=True))
        self._embedder = embedder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embedder.embed(texts)

    def embed_tokens(
        self, texts: Sequence[str], without: frozenset[str] | None = None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        import numpy as np

        found = [self._known[text] for text in texts]
        return np.stack([vector for vector, _ in found]), [tokens for _, tokens in found]


if __name__ == "__main__":
    sys.exit(main())
