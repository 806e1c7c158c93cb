"""The doctor: every part checked, none keeps the others from being checked."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeLLM
from pydantic import SecretStr
from tiny_corpus import tiny_tutor

from corpus.loading import CorpusError
from tutor import doctor
from tutor.doctor import Check, examine
from tutor.errors import StoreError, TutorError
from tutor.settings import Settings

PARTS = ["python", "home", "corpus", "database", "embeddings", "index", "model", "vllm", "server",
         "sandbox", "front end"]  # fmt: skip


def look(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings, lambda *_: None)}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks of parts that take long, answered."""
    monkeypatch.setattr(doctor, "_index", lambda _: "1 documents, 2 passages")
    monkeypatch.setattr("tutor.models.shared.running_llm", lambda _: None)


def test_fresh_home_is_told_what_cures_it(settings: Settings, light: None) -> None:
    checks = look(settings)
    assert list(checks) == PARTS
    for name in ("python", "corpus", "database", "front end"):
        assert checks[name].ok, f"{name}: {checks[name].detail}"
    for name in ("embeddings", "model"):
        assert not checks[name].ok and "tutor model prepare" in checks[name].cure
    for check in checks.values():
        assert set(check.to_dict()) == {"name", "ok", "detail", "cure"} and check.detail
        assert check.ok or check.cure, f"{check.name} fails and names no cure"


def test_progress_is_reported_for_each_part(settings: Settings, light: None) -> None:
    steps: list[float] = []
    list(examine(settings, lambda _, fraction: steps.append(fraction)))
    assert len(steps) == len(PARTS) and steps == sorted(steps) and steps[-1] < 1


def test_failing_part_does_not_hide_the_others(
    settings: Settings, light: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store(_: Any) -> Any:
        raise StoreError("The disk is gone.", "Mount it.")

    def lessons() -> Any:
        raise CorpusError("a.md: no front matter")

    monkeypatch.setattr("tutor.learner.store.open_store", store)
    monkeypatch.setattr("corpus.lessons.load_lessons", lessons)
    checks = look(settings)
    assert checks["database"] == Check("database", False, "The disk is gone.", "Mount it.")
    assert checks["corpus"].detail == "a.md: no front matter" and checks["corpus"].cure
    assert list(checks) == PARTS


def test_home_that_cannot_be_made_is_reported(tmp_path: Any, light: None) -> None:
    (tmp_path / "file").write_text("")
    checks = look(Settings(home=tmp_path / "file"))
    assert not checks["home"].ok and "TUTOR_HOME" in checks["home"].cure


def test_full_disk_and_old_python_are_reported(
    settings: Settings, light: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 2**30}))
    monkeypatch.setattr("sys.version_info", (3, 10, 1, "final", 0))
    for part in (doctor._home, doctor._python):
        with pytest.raises(TutorError):
            part(settings)


def test_open_front_end_without_password_is_reported(light: None, settings: Settings) -> None:
    bad = settings.model_copy(update={"host": "0.0.0.0"})
    assert not look(bad)["front end"].ok
    assert look(bad.model_copy(update={"password": SecretStr("x")}))["front end"].ok


def test_remote_server_makes_model_and_vllm_unnecessary(
    settings: Settings, light: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutor.models.shared.running_llm", lambda _: FakeLLM())
    checks = look(settings.model_copy(update={"llm_url": "http://127.0.0.1:9"}))
    assert checks["model"].ok and checks["vllm"].ok
    assert checks["server"].detail == "fake-model answers"


def test_index_is_counted_or_found_empty(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TutorError, match="empty"):
        doctor._index(settings)
    tiny_tutor(settings, monkeypatch).library.sync_corpus()
    assert doctor._index(settings).startswith("5 documents, ")
