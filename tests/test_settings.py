"""Settings: read from the environment, checked, and every fault named by its variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tutor.errors import ConfigError
from tutor.settings import Settings, load_settings


def test_defaults_have_no_side_effects(home: Path) -> None:
    settings = load_settings()
    assert settings.home == home and not home.exists(), "reading settings made a folder"
    assert settings.host == "127.0.0.1" and settings.port == 7860 and settings.loopback


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TUTOR_PORT", "abc"),
        ("TUTOR_PORT", "65536"),
        ("TUTOR_PORT", "-1"),
        ("TUTOR_OFFLINE", "perhaps"),
        ("TUTOR_CONTEXT_LENGTH", "10"),
        ("TUTOR_CONTEXT_LENGTH", "1e9"),
        ("TUTOR_THREADS", "-2"),
        ("TUTOR_LLM_TIMEOUT_S", "0"),
        ("TUTOR_LLM_URL", "localhost:8000"),
        ("TUTOR_LLM_URL", "ftp://x"),
        ("TUTOR_LLM_URL", "http://"),
        ("TUTOR_LLM_URL", "http://[::1"),
        ("TUTOR_CHROMA_URL", "http://host:port"),
        ("TUTOR_CHROMA_URL", "http://host:99999"),
        ("TUTOR_CHROMA_URL", "file:///etc/passwd"),
        ("TUTOR_VLLM_ARGS", '--x "unclosed'),
        ("TUTOR_LEARNER", "x" * 65),
        ("TUTOR_HOME", "~nobody-by-that-name/tutor"),
    ],
)
def test_malformed_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert name in caught.value.message, "the message does not say which variable is wrong"
    assert name in caught.value.cure


@pytest.mark.parametrize("name", ["HOME", "PORT", "PASSWORD", "LEARNER", "LLM_URL", "SHARED"])
def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(f"TUTOR_{name}", raising=False)
    unset = getattr(load_settings(), name.lower())
    monkeypatch.setenv(f"TUTOR_{name}", "")
    assert getattr(load_settings(), name.lower()) == unset


def test_values_are_read_and_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LLM_URL": "http://127.0.0.1:8000/", "VLLM_ARGS": "--a 'b c'", "OFFLINE": "1",
        "HOME": "~/deep", "PASSWORD": "hush", "DATABASE_URL": "postgresql://x/y",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TUTOR_{name}", value)
    settings = load_settings()
    assert settings.llm_url == "http://127.0.0.1:8000"
    assert settings.vllm_args == ("--a", "b c")
    assert settings.offline and settings.home == Path.home() / "deep"
    assert settings.sqlalchemy_url == "postgresql://x/y"


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTOR_PASSWORD", "hush")
    monkeypatch.setenv("TUTOR_LLM_API_KEY", "key-of-mine")
    shown = repr(load_settings())
    assert "hush" not in shown and "key-of-mine" not in shown


def test_options_win_over_the_environment_where_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTOR_PORT", "1234")
    assert load_settings(port=None).port == 1234
    assert load_settings(port=0).port == 0
    with pytest.raises(ConfigError, match="TUTOR_PORT"):
        load_settings(port=70_000)


def test_settings_are_frozen(settings: Settings) -> None:
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.2", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_rest(host: str, alone: bool) -> None:
    assert Settings(host=host).loopback is alone


def test_folder_is_made_on_demand(settings: Settings) -> None:
    assert settings.folder("a", "b").is_dir()
    assert settings.sqlalchemy_url == f"sqlite:///{settings.home}/tutor.db"


def test_folder_that_cannot_be_made_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be made") as caught:
        Settings(home=tmp_path / "file").folder("index")
    assert "TUTOR_HOME" in caught.value.cure


def test_every_setting_without_description_speaks_for_itself() -> None:
    silent = {name for name, field in Settings.model_fields.items() if not field.description}
    assert silent <= {"host"}, "a setting is not described"
