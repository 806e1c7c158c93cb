"""One frozen Settings object, read from the environment (prefix TUTOR_).

Nothing else in Tutor reads TUTOR_ variables. `Settings()` has no side effects; `home_dir()` and its
siblings make folders on demand.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tutor.errors import ConfigError


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("tutor"))


class Settings(BaseSettings):
    """All that can be configured. Every field NAME is set by the variable TUTOR_NAME."""

    model_config = SettingsConfigDict(
        # An empty variable counts as unset: no home in the working directory, no empty password.
        env_prefix="TUTOR_", frozen=True, extra="ignore", env_ignore_empty=True
    )  # fmt: skip

    home: Path = Field(default_factory=_default_home, description="Where all state lives.")

    # Language model
    model: str = Field(
        "", description="Model name, folder or hub id; empty picks one for this CPU."
    )
    llm_url: str = Field("", description="Base URL of an existing OpenAI-compatible server.")
    llm_api_key: SecretStr = Field(SecretStr("local"), description="Key for that server.")
    context_length: int = Field(4096, ge=1024, le=1_048_576, description="Tokens a prompt may use.")
    llm_timeout_s: float = Field(180.0, gt=0, description="Longest silence of the model server.")
    vllm_args: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="More arguments for vLLM, separated by blanks."
    )
    threads: int = Field(0, ge=0, description="CPU threads for vLLM; 0 takes all cores.")

    # Storage
    chroma_url: str = Field("", description="Chroma server; empty keeps Chroma in this process.")
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite in TUTOR_HOME.")
    shared: Path | None = Field(None, description="Optional folder with papers and data to try.")
    runs: Path | None = Field(
        None, description="Folder of own fine-tuning runs, to look at their adapters."
    )

    # Front end
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535, description="0 takes any free port.")
    password: SecretStr | None = Field(None, description="Needed to listen beyond loopback.")
    learner: str = Field("local", min_length=1, max_length=64, description="Name of the learner.")

    # Network
    offline: bool = Field(False, description="Never reach for arXiv, a hub or a package index.")

    @field_validator("home", "shared", "runs")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        try:
            return None if path is None else path.expanduser().absolute()
        except RuntimeError as error:  # "~nobody"
            raise ValueError("names the home of a user that does not exist") from error

    @field_validator("vllm_args", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        import shlex

        return tuple(shlex.split(value)) if isinstance(value, str) else value

    @field_validator("llm_url", "chroma_url")
    @classmethod
    def _http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        parts = urlsplit(url)
        if url and (not parts.hostname or parts.port == 0):  # the port's number is checked here too
            raise ValueError("must name a host, and a port from 1 to 65535 if any")
        return url.rstrip("/")

    @property
    def loopback(self) -> bool:
        """Whether the front end listens on this machine alone."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def folder(self, *parts: str) -> Path:
        """A folder below TUTOR_HOME, made if it is missing.

        Raises:
            ConfigError: The folder can't be made.
        """
        path = self.home.joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {path} can't be made: {error.strerror or error}.",
                "Set TUTOR_HOME to a folder that you can write to.",
            ) from error
        return path

    @property
    def sqlalchemy_url(self) -> str:
        """The database's URL; SQLite in TUTOR_HOME unless another one is configured."""
        return self.database_url or f"sqlite:///{self.folder() / 'tutor.db'}"


def load_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` (from command-line options) win where they are not None.

    Raises:
        ConfigError: A value is malformed; the message names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "TUTOR_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(
            f"{name} is not usable: {first['msg']} (got {first['input']!r}).",
            f"Correct or unset {name}.",
        ) from error
