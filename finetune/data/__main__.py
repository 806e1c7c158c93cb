"""Make the training data: `python -m finetune.data --out DIR [--only SKILL…]`.

Writes sft.jsonl, preferences.jsonl, a held-out part of each, and card.json/card.md. The index of
TUTOR_HOME is used (and built where it is missing); no language model is needed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from finetune.data.build import build
from tutor.app import Tutor
from tutor.errors import TutorError
from tutor.settings import load_settings


def main() -> int:
    """The command line above; 1 after an error in words."""
    parser = argparse.ArgumentParser(prog="finetune.data", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder, made where it is missing")
    parser.add_argument("--only", nargs="+", metavar="SKILL", help="rows of these alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        tutor = Tutor(load_settings(), use_model=False)
        try:
            tutor.embeddings_or_none()
            tutor.library.prepare()
            card = build(tutor, options.out, options.seed, options.only)
        finally:
            tutor.close()
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(card)
    print(f"Made in {time.perf_counter() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
