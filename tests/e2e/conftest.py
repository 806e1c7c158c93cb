"""What the slow tests share: homes of their own over models and an index that are made once.

TUTOR_TEST_HOME names the home that lends them; without it each run fetches and makes its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tutor.models.catalog import SMALL
from tutor.settings import Settings


@pytest.fixture(scope="session")
def lender() -> Path | None:
    """The home that lends, with the small model prepared; None where each run makes its own."""
    lent = os.environ.get("TUTOR_TEST_HOME")
    if not lent:
        return None
    subprocess.run(
        [sys.executable, "-m", "tutor", "model", "prepare", SMALL],
        env={**os.environ, "TUTOR_HOME": lent},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return Path(lent)


@pytest.fixture(scope="session")
def make_home(
    tmp_path_factory: pytest.TempPathFactory, lender: Path | None
) -> Callable[[str], Path]:
    """Makes a home of its own (so no other Tutor's server is met) over lent models and caches."""

    def make(name: str) -> Path:
        home = tmp_path_factory.mktemp(name)
        if lender is not None:
            for folder in ("models", "cache"):
                (home / folder).symlink_to(Settings(home=lender).folder(folder))
        return home

    return make


@pytest.fixture(scope="session")
def lend_index(lender: Path | None) -> Callable[[Path], None]:
    """Copies the index of the built-in corpus into a home; a lender without one makes it."""

    def lend(home: Path) -> None:
        if lender is None:
            return  # the server under test makes its own, behind the page
        subprocess.run(
            [sys.executable, "-m", "tutor", "search", "attention", "--json"],
            env={**os.environ, "TUTOR_HOME": str(lender)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        shutil.copytree(lender / "index", home / "index")

    return lend
