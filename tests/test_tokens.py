"""The store of token vectors: what goes in comes out, by document, beside other processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tutor.errors import StoreError
from tutor.settings import Settings
from tutor.tokens import MOST_NAMES, TokenStore


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return TokenStore(Settings(home=tmp_path), "fake")


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_vectors_come_back_as_small_numbers(store: TokenStore) -> None:
    store.add("file:a", ["x", "y"], [unit((1.0, 0.0), (0.6, -0.8)), np.zeros((0, 2), np.float32)])
    found = store.get(["y", "x", "unknown"])
    assert found["x"].tolist() == [[127, 0], [76, -102]] and found["x"].dtype == np.int8
    assert found["y"].shape == (0, 2) and len(found) == 2
    assert store.get([]) == {}


def test_new_version_of_a_document_replaces_all_of_the_old(store: TokenStore) -> None:
    store.add("file:a", ["x", "y"], [unit((1.0,)), unit((1.0,))])
    store.add("file:a", ["z"], [unit((1.0,))])
    assert store.counts() == {"file:a": 1} and set(store.get(["x", "y", "z"])) == {"z"}


def test_removal_takes_one_document(store: TokenStore) -> None:
    store.add("file:a", ["x"], [unit((1.0,))])
    store.add("file:b", ["y"], [unit((1.0,))])
    store.remove("file:a")
    store.remove("file:a")
    assert store.counts() == {"file:b": 1}


def test_more_names_than_a_statement_takes(store: TokenStore) -> None:
    names = [f"c{n}" for n in range(2 * MOST_NAMES + 1)]
    store.add("file:a", names, [unit((1.0,))] * len(names))
    assert len(store.get(names)) == len(names)


def test_another_process_sees_what_was_written(store: TokenStore, tmp_path: Path) -> None:
    other = TokenStore(Settings(home=tmp_path), "fake")
    store.add("file:a", ["x"], [unit((1.0,))])
    assert set(other.get(["x"])) == {"x"}
    assert TokenStore(Settings(home=tmp_path), "another").get(["x"]) == {}


def test_damaged_file_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "fake-tokens.db").write_bytes(b"no database at all, but long enough" * 9)
    with pytest.raises(StoreError, match="opened") as caught:
        TokenStore(Settings(home=tmp_path), "fake")
    assert "delete it" in caught.value.cure


def test_closed_file_is_a_store_error(store: TokenStore) -> None:
    store.close()
    with pytest.raises(StoreError, match="read"):
        store.get(["x"])
