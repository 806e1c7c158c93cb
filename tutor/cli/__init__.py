"""The command line: every capability, for people (Rich) and for scripts (--json, --jsonl).

Names and JSON fields are a contract. stdout carries results alone; progress and notes go to stderr.
Exit codes: 0 fine, 1 a TutorError (one line on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys

import typer

from corpus.loading import CorpusError
from tutor.cli import asking, papers, studying, system
from tutor.errors import TutorError

app = typer.Typer(
    help="A local-first tutor for large language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (system, asking, studying, papers):
    app.add_typer(part.app)


def main() -> None:
    """Run the command line; every TutorError becomes one line on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG
    # Bars of libraries would stand beside our own.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except TutorError as error:
        # One line, whatever the message holds.
        print("Error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(1)
    except CorpusError as error:
        print(f"Error: The built-in corpus is damaged: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output left, as 'head' does; nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
