"""The client of an OpenAI-compatible model server, vLLM's above all.

Tutor's own server and a remote one (TUTOR_LLM_URL) look the same from here. Everything that can go
wrong on the way becomes a ServerError in `_mapped_errors`.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from tutor.errors import ServerError
from tutor.models.llm import Message, Structured
from tutor.settings import Settings

if TYPE_CHECKING:
    import httpx
    from langchain_openai import ChatOpenAI

CONNECT_TIMEOUT_S = 5.0
# What a server has whose /models does not tell.
DEFAULT_CONTEXT_LENGTH = 4096


@dataclass(frozen=True)
class ServedModel:
    """What a server says about itself."""

    name: str
    context_length: int


class VllmClient:
    """An LLM behind an OpenAI-compatible URL.

    Args:
        url: The server's base URL; it may end in /v1.
        api_key: Sent as a bearer token.
        model: What the server serves, as `discover` found it.
        timeout_s: The longest silence, also within a reply.
        tokenizer: A prepared model's tokenizer.json; without it the server is asked to count.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        model: ServedModel,
        *,
        timeout_s: float,
        tokenizer: Path | None = None,
    ) -> None:
        self.name = model.name
        self.context_length = model.context_length
        self._url = _api_url(url)
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._tokenizer = tokenizer
        self._server_counts = True

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """Yields the reply as text deltas; closing the iterator ends generation.

        Raises:
            ServerError: No answer, an error, or a silence longer than the timeout.
        """
        for delta, _ in self._stream(messages, max_tokens, temperature, stop, {}):
            if delta:
                yield delta

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> str:
        """The whole reply; streamed underneath, so that the timeout means silence here too.

        Raises:
            ServerError: As `stream`.
        """
        stream = self.stream(messages, max_tokens=max_tokens, temperature=temperature, stop=stop)
        return "".join(stream)

    def structured(
        self,
        messages: Sequence[Message],
        schema: type[Structured],
        *,
        max_tokens: int,
        temperature: float = 0.0,
    ) -> Structured:
        """A reply that the server keeps to the schema's JSON schema.

        Raises:
            ServerError: As `stream`; or the reply was cut off, or does not fit the schema.
        """
        response_format = {
            "type": "json_schema",
            "json_schema": {
                "name": schema.__name__,
                "schema": schema.model_json_schema(),
                "strict": True,
            },
        }
        # Sent as it is: langchain's with_structured_output parses on its own and hides why a
        # reply was not usable.
        extra = {"response_format": response_format}
        pieces: list[str] = []
        finish = ""
        for delta, reason in self._stream(messages, max_tokens, temperature, (), extra):
            pieces.append(delta)
            finish = reason or finish
        if finish == "length":
            raise ServerError(
                f"The model's reply was cut off after {max_tokens} tokens.",
                "Ask for less at once, or use a larger model.",
            )
        try:
            return schema.model_validate_json("".join(pieces))
        except ValidationError as error:
            raise ServerError(
                f"The model's reply does not fit {schema.__name__}: "
                f"{error.error_count()} problem(s), first: {error.errors()[0]['msg']}.",
                "Try again; a model server without JSON schema support can't serve Tutor.",
            ) from error

    def count_tokens(self, text: str) -> int:
        """Tokens of `text`; where nobody can count, one per three bytes, which is on the high side.

        Special tokens written out in the text count as the server would encode them.
        """
        if self._tokenizer is not None:
            return len(self._local_tokenizer.encode(text, add_special_tokens=False).ids)
        if self._server_counts:
            count = self._ask_for_count(text)
            if count is not None:
                return count
            self._server_counts = False
        return math.ceil(len(text.encode("utf-8", "replace")) / 3)

    def _stream(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        stop: Sequence[str],
        extra: dict[str, Any],
    ) -> Iterator[tuple[str, str]]:
        """Text deltas, each with the finish reason once it is known (else "")."""
        with _mapped_errors(self._url, self._timeout_s):
            options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
            options |= {"extra_body": extra} if extra else {}
            turns = [(message.role, message.content) for message in messages]
            finish = ""
            for chunk in self._model.stream(turns, stop=list(stop) or None, **options):
                finish = str(chunk.response_metadata.get("finish_reason") or finish)
                yield str(chunk.content), finish
            if not finish:
                raise ServerError(
                    "The model server broke off in the middle of its reply.",
                    "Try again; Tutor restarts its own server by itself.",
                )

    @cached_property
    def _model(self) -> ChatOpenAI:
        import httpx
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        timeout = httpx.Timeout(self._timeout_s, connect=CONNECT_TIMEOUT_S)
        return ChatOpenAI(
            model=self.name,
            base_url=self._url,
            api_key=SecretStr(self._api_key),
            timeout=timeout,
            # Whoever waits for the reply decides whether to wait twice as long.
            max_retries=0,
            stream_usage=False,
            http_client=_http_client(self._url, timeout),
        )

    @cached_property
    def _local_tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self._tokenizer))

    @cached_property
    def _counting_client(self) -> httpx.Client:
        return _http_client(self._url, CONNECT_TIMEOUT_S)

    def _ask_for_count(self, text: str) -> int | None:
        """vLLM's /tokenize, which lies beside /v1; None where there is none."""
        import httpx

        body = {"model": self.name, "prompt": text, "add_special_tokens": False}
        headers = {"Authorization": f"Bearer {self._api_key}"}
        url = self._url.removesuffix("/v1") + "/tokenize"
        try:
            reply = self._counting_client.post(url, json=body, headers=headers)
            reply.raise_for_status()
            count = reply.json()["count"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None
        return count if isinstance(count, int) and count >= 0 else None


def discover(url: str, api_key: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> ServedModel:
    """Asks a server for its (first) model and that model's context length.

    Raises:
        ServerError: It can't be reached, refuses the key, or does not speak this protocol.
    """
    base = _api_url(url)
    with _mapped_errors(base, timeout_s), _http_client(base, timeout_s) as client:
        reply = client.get(f"{base}/models", headers={"Authorization": f"Bearer {api_key}"})
        reply.raise_for_status()
        first = reply.json()["data"][0]
        return ServedModel(
            str(first["id"]), int(first.get("max_model_len") or DEFAULT_CONTEXT_LENGTH)
        )


def connect(settings: Settings) -> VllmClient:
    """A client of the server that TUTOR_LLM_URL names.

    Raises:
        ServerError: As `discover`.
    """
    key = settings.llm_api_key.get_secret_value()
    model = discover(settings.llm_url, key)
    return VllmClient(settings.llm_url, key, model, timeout_s=settings.llm_timeout_s)


def _api_url(url: str) -> str:
    base = url.rstrip("/")
    return base if base.endswith("/v1") else base + "/v1"


def _http_client(url: str, timeout: httpx.Timeout | float) -> httpx.Client:
    """An HTTP client; towards this machine without the environment's proxy."""
    import httpx

    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return httpx.Client(timeout=timeout, trust_env=not loopback)


@contextmanager
def _mapped_errors(url: str, timeout_s: float) -> Iterator[None]:
    """The boundary: whatever the client libraries raise leaves as a ServerError."""
    import httpx
    import openai

    cure = "Look at the model's state ('tutor doctor'), or try again in a moment."
    try:
        yield
    except (openai.APITimeoutError, httpx.TimeoutException) as error:
        message = f"The model server at {url} was silent for {timeout_s:.0f} s."
        raise ServerError(message, "Try again, or raise TUTOR_LLM_TIMEOUT_S.") from error
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        message = f"The model server at {url} refuses the key."
        raise ServerError(message, "Set TUTOR_LLM_API_KEY.") from error
    except (openai.APIConnectionError, httpx.TransportError) as error:
        raise ServerError(f"The model server at {url} can't be reached.", cure) from error
    except openai.APIStatusError as error:
        message = f"The model server answered {error.status_code}: {_first_line(error)}."
        raise ServerError(message, cure) from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in (401, 403):
            message = f"The model server at {url} refuses the key."
            raise ServerError(message, "Set TUTOR_LLM_API_KEY.") from error
        raise ServerError(f"The model server answered {status}.", cure) from error
    except (openai.OpenAIError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerError(f"The model server failed: {_first_line(error)}.", cure) from error
    # What is not the protocol at all: HTML, broken JSON, missing or misshapen fields.
    except (json.JSONDecodeError, ValueError, LookupError, TypeError, AttributeError) as error:
        message = f"What answers at {url} is no OpenAI-compatible server: {_first_line(error)}."
        raise ServerError(message, "Check TUTOR_LLM_URL.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
