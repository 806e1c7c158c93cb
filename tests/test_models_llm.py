"""The client against a loopback server that misbehaves in every way, and prompt fitting."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tutor.errors import ConfigError, ServerError
from tutor.models.client import ServedModel, VllmClient, connect, discover
from tutor.models.llm import MARGIN, MESSAGE_OVERHEAD, Message, fit_messages
from tutor.models.shared import running_llm
from tutor.settings import Settings

ASK = [Message("user", "What is attention?")]


class Verdict(BaseModel):
    score: int
    reason: str


def _event(delta: str, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": delta}, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return "data: " + json.dumps(body | {"choices": [choice]}) + "\n\n"


class FakeServer:
    """Answers /v1/chat/completions with `events`; keeps what it was sent."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.status = 200
        self.body = ""
        self.tokenize: str | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.hang = threading.Event()
        self.hang_after: int | None = None
        self.broken_pipe = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                models = {"data": [{"id": "m", "max_model_len": 2048}]}
                self._send(fake.status, fake.body or json.dumps(models))

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                fake.requests.append(json.loads(self.rfile.read(size)))
                fake.keys.append(self.headers.get("Authorization", ""))
                if self.path == "/tokenize":
                    if fake.tokenize is None:
                        self._send(404, "{}")
                    else:
                        self._send(200, fake.tokenize)
                elif fake.status != 200 or fake.body:
                    self._send(fake.status, fake.body)
                else:
                    self._stream()

            def _send(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                try:
                    for number, event in enumerate(fake.events):
                        if number == fake.hang_after:
                            fake.hang.wait(10)
                        self.wfile.write(event.encode())
                        self.wfile.flush()
                except OSError:
                    fake.broken_pipe.set()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


def _client(server: FakeServer, timeout_s: float = 5.0) -> VllmClient:
    return VllmClient(server.url, "secret", ServedModel("m", 2048), timeout_s=timeout_s)


def test_stream_yields_deltas_and_sends_key(server: FakeServer) -> None:
    server.events = [_event("Look"), _event(" around", "stop"), "data: [DONE]\n\n"]
    deltas = _client(server).stream(ASK, max_tokens=7, temperature=0.5, stop=["\n\n"])
    assert list(deltas) == ["Look", " around"]
    sent = server.requests[0]
    assert sent["messages"] == [{"role": "user", "content": "What is attention?"}]
    assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 7
    assert (sent["temperature"], sent["stop"], sent["model"]) == (0.5, ["\n\n"], "m")
    assert server.keys == ["Bearer secret"]


def test_system_and_assistant_roles_reach_the_server(server: FakeServer) -> None:
    server.events = [_event("ok", "stop")]
    turns = [Message("system", "s"), Message("user", "u"), Message("assistant", "a")]
    _client(server).complete(turns, max_tokens=1)
    assert [turn["role"] for turn in server.requests[0]["messages"]] == [
        "system",
        "user",
        "assistant",
    ]


def test_complete_joins_deltas(server: FakeServer) -> None:
    server.events = [_event("a"), _event("b"), _event("", "length"), "data: [DONE]\n\n"]
    assert _client(server).complete(ASK, max_tokens=2) == "ab"


def test_closing_the_stream_hangs_up(server: FakeServer) -> None:
    server.events = [_event("word ") for _ in range(20_000)]
    stream = _client(server).stream(ASK, max_tokens=9)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert server.broken_pipe.wait(5)


def test_structured_sends_schema_and_parses(server: FakeServer) -> None:
    server.events = [_event('{"score": 1, '), _event('"reason": "x"}', "stop")]
    verdict = _client(server).structured(ASK, Verdict, max_tokens=50)
    assert verdict == Verdict(score=1, reason="x")
    sent = server.requests[0]["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"]["required"] == ["score", "reason"]


@pytest.mark.parametrize("reply", ["", "{", "null", '{"score": "high", "reason": "x"}', "[]"])
def test_structured_invalid_reply_is_server_error(server: FakeServer, reply: str) -> None:
    server.events = [_event(reply, "stop")]
    with pytest.raises(ServerError, match="does not fit Verdict"):
        _client(server).structured(ASK, Verdict, max_tokens=50)


def test_structured_cut_off_reply_says_so(server: FakeServer) -> None:
    server.events = [_event('{"score": 1, "rea', "length")]
    with pytest.raises(ServerError, match="cut off after 50 tokens"):
        _client(server).structured(ASK, Verdict, max_tokens=50)


@pytest.mark.parametrize(
    ("status", "message"), [(500, "answered 500"), (401, "refuses the key"), (404, "answered 404")]
)
def test_http_errors_become_server_errors(server: FakeServer, status: int, message: str) -> None:
    server.status, server.body = status, '{"error": {"message": "no"}}'
    with pytest.raises(ServerError, match=message):
        _client(server).complete(ASK, max_tokens=5)
    with pytest.raises(ServerError, match=message):
        discover(server.url, "secret")


@pytest.mark.parametrize(
    "events",
    [
        ["data: {not json}\n\n"],
        ["data: 17\n\n"],
        ['data: {"error": {"message": "engine died", "code": 500}}\n\n'],
        [_event("half a sen")],
        [],
    ],
    ids=["broken json", "number", "error event", "no finish", "empty"],
)
def test_broken_streams_become_server_errors(server: FakeServer, events: list[str]) -> None:
    server.events = events
    with pytest.raises(ServerError):
        _client(server).complete(ASK, max_tokens=5)


@pytest.mark.parametrize("hang_after", [0, 1])
def test_silence_is_a_timeout(server: FakeServer, hang_after: int) -> None:
    server.events = [_event("a"), _event("b", "stop")]
    server.hang_after = hang_after
    began = time.monotonic()
    with pytest.raises(ServerError, match="silent"):
        _client(server, timeout_s=0.3).complete(ASK, max_tokens=5)
    assert time.monotonic() - began < 5


def test_nobody_listens_is_server_error(server: FakeServer) -> None:
    server.close()
    with pytest.raises(ServerError, match="can't be reached"):
        _client(server).complete(ASK, max_tokens=5)
    with pytest.raises(ServerError, match="can't be reached"):
        discover(server.url, "secret")


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", '{"data": []}', '{"data": [{}]}'])
def test_discover_refuses_what_is_no_model_server(server: FakeServer, body: str) -> None:
    server.body = body
    with pytest.raises(ServerError, match="no OpenAI-compatible server"):
        discover(server.url, "secret")


def test_discover_reads_name_and_context(server: FakeServer) -> None:
    assert discover(server.url + "/v1/", "secret") == ServedModel("m", 2048)


def test_context_length_defaults_where_the_server_is_silent(server: FakeServer) -> None:
    server.body = '{"data": [{"id": "gpt"}]}'
    assert discover(server.url, "secret") == ServedModel("gpt", 4096)


def test_connect_and_running_llm_use_the_configured_url(server: FakeServer, tmp_path: Any) -> None:
    settings = Settings(home=tmp_path, llm_url=server.url)
    assert connect(settings).context_length == 2048
    found = running_llm(settings)
    assert found is not None and found.name == "m"
    server.close()
    assert running_llm(settings) is None


def test_count_tokens_asks_the_server(server: FakeServer) -> None:
    server.tokenize = '{"count": 5}'
    assert _client(server).count_tokens("abc") == 5
    assert server.requests[0]["prompt"] == "abc"


@pytest.mark.parametrize("answer", [None, "{}", "nonsense", '{"count": "many"}', '{"count": -1}'])
def test_count_tokens_falls_back_to_a_high_estimate(server: FakeServer, answer: str | None) -> None:
    server.tokenize = answer
    client = _client(server)
    assert client.count_tokens("abcd") == 2
    assert client.count_tokens("注意") == 2
    assert len(server.requests) == 1  # it does not ask in vain again


class WordCounter:
    """One token a word."""

    name = "words"

    def __init__(self, context_length: int) -> None:
        self.context_length = context_length

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    stream: Callable[..., Any]
    complete: Callable[..., Any]
    structured: Callable[..., Any]


def _words(count: int, word: str = "w") -> str:
    return " ".join([word] * count)


turns = st.lists(
    st.tuples(st.integers(0, 80), st.integers(0, 80)).map(
        lambda pair: (Message("user", _words(pair[0])), Message("assistant", _words(pair[1], "a")))
    ),
    max_size=8,
).map(lambda pairs: [message for pair in pairs for message in pair])


@given(
    context=st.integers(120, 600),
    system=st.integers(0, 20),
    history=turns,
    user=st.integers(0, 900),
    max_tokens=st.integers(1, 40),
)
def test_fitted_prompt_always_fits(
    context: int, system: int, history: list[Message], user: int, max_tokens: int
) -> None:
    llm = WordCounter(context)
    fitted = fit_messages(llm, _words(system, "s"), history, _words(user, "u"), max_tokens)
    used = sum(llm.count_tokens(m.content) + MESSAGE_OVERHEAD for m in fitted)
    assert used + max_tokens + MARGIN <= context
    assert fitted[0] == Message("system", _words(system, "s"))
    assert fitted[-1].role == "user"
    kept = fitted[1:-1]
    assert kept == history[len(history) - len(kept) :]
    assert not kept or kept[0].role == "user"


@given(history=turns)
def test_nothing_is_dropped_where_all_fits(history: list[Message]) -> None:
    fitted = fit_messages(WordCounter(10_000), "s", history, "u", 100)
    assert fitted == [Message("system", "s"), *history, Message("user", "u")]


def test_long_user_text_keeps_both_ends() -> None:
    text = "INSTRUCTIONS " + _words(500) + " QUESTION"
    fitted = fit_messages(WordCounter(200), "s", [Message("user", "old")], text, 50)
    assert fitted[-1].content.startswith("INSTRUCTIONS ")
    assert fitted[-1].content.endswith(" QUESTION")
    assert len(fitted) == 2


def test_system_prompt_that_leaves_no_room_is_config_error() -> None:
    with pytest.raises(ConfigError, match="too small"):
        fit_messages(WordCounter(128), _words(100), [], "u", 50)
