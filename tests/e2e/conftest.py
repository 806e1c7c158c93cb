"""What the slow tests share: homes of their own over models that are prepared once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tutor.settings import Settings


@pytest.fixture(scope="session")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a home of its own (so no other Tutor's server is met) over lent models and caches.

    TUTOR_TEST_HOME names the lender; without it models are fetched and converted.
    """

    def make(name: str) -> Path:
        home = tmp_path_factory.mktemp(name)
        if lent := os.environ.get("TUTOR_TEST_HOME"):
            for folder in ("models", "cache"):
                (home / folder).symlink_to(Settings(home=Path(lent)).folder(folder))
        return home

    return make


@pytest.fixture(scope="session")
def lend_index() -> Callable[[Path], None]:
    """Copies the index of the built-in corpus into a home; the lender makes it when it has none."""

    def lend(home: Path) -> None:
        from tutor.app import Tutor

        lent = os.environ.get("TUTOR_TEST_HOME")
        if not lent:
            return  # the server under test makes its own, behind the page
        lender = Settings(home=Path(lent))
        Tutor(lender, use_model=False).library.prepare()
        shutil.copytree(lender.home / "index", home / "index")

    return lend
