"""Make tutor/models/token_projection.npz: `python -m eval.projection`, some minutes on a CPU.

The token vectors of the embedding model have 384 numbers; kept whole, they would take 33 KB a
chunk. Their first principal axes over our own corpus keep what ranking needs (docs/retrieval.md
has the figures). The axes are of the second moment, not of the covariance: dot products are to
stay what they were. The file also holds the tokens' IDF, which weighs those of a query.
"""

from __future__ import annotations

import sys

from tutor.errors import TutorError
from tutor.ingest.corpus import corpus_documents
from tutor.models.catalog import EMBEDDING
from tutor.models.embed import MAX_TOKENS, PROJECTION, TOKEN_DIMENSION
from tutor.models.resolve import prepare
from tutor.retrieve import embedding_text
from tutor.settings import load_settings

BATCH = 8


def main() -> int:
    """Embed the corpus, write the axes."""
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer

    try:
        folder = prepare(EMBEDDING, load_settings())
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.max_seq_length = MAX_TOKENS
    texts = [embedding_text(chunk) for _, chunks in corpus_documents() for chunk in chunks]
    moment, seen = 0.0, 0
    frequency = np.zeros(len(model.tokenizer), dtype=np.int64)
    for start in range(0, len(texts), BATCH):
        with torch.inference_mode():
            output = model.forward(model.preprocess(texts[start : start + BATCH]))
        for row in output["input_ids"].numpy():
            frequency[np.unique(row)] += 1
        states = output["token_embeddings"][output["attention_mask"].bool()].float().numpy()
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        moment, seen = moment + states.T @ states, seen + len(states)
    energy, axes = np.linalg.eigh(moment / seen)
    kept = energy[::-1][:TOKEN_DIMENSION].sum() / energy.sum()
    idf = np.log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
    np.savez(
        PROJECTION,
        axes=axes[:, ::-1][:, :TOKEN_DIMENSION].astype(np.float16),
        idf=idf.astype(np.float16),
    )
    print(f"{seen} tokens of {len(texts)} chunks; {kept:.0%} of the energy kept in {PROJECTION}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
