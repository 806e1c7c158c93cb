"""The page: tabs, status line, access, and the life of the server that shows them."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from tutor.app import Tutor
from tutor.errors import ConfigError
from tutor.settings import Settings

# Gradio reads this when it is imported; no request goes to any host but this one.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent
MAX_UPLOAD = "200mb"
REFRESH_S = 2.0


def serve_page(tutor: Tutor, *, open_browser: bool) -> None:
    """Show the page until SIGINT or SIGTERM, then stop everything that was started.

    Raises:
        ConfigError: The page would be open to others without a password, or the port is taken.
    """
    settings = tutor.settings
    _check_access(settings)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.folder("uploads"))
    from tutor.agent import Agent

    agent = Agent(tutor)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    page = build_page(tutor, agent)
    try:
        tutor.start()
        url = _launch(page, settings)
        print(f"Tutor is at {url} (Ctrl-C stops it)", flush=True)
        if open_browser and _has_display():
            import webbrowser

            webbrowser.open(url)
        stop.wait()
        print("Stopping …", file=sys.stderr)
    finally:
        page.close(verbose=False)
        tutor.close()
        agent.close()


def build_page(tutor: Tutor, agent: Any) -> Any:
    """The whole page as Gradio Blocks, not launched."""
    import gradio as gr

    from tutor.ui.chat import build_chat
    from tutor.ui.inside import build_inside
    from tutor.ui.labs import build_labs
    from tutor.ui.papers import build_papers
    from tutor.ui.progress import build_progress
    from tutor.ui.quiz import build_quiz
    from tutor.ui.roadmap import build_roadmap
    from tutor.ui.status import build_status, status_line

    def learner(request: gr.Request) -> str:
        return request.username or tutor.settings.learner

    with gr.Blocks(title="Tutor", analytics_enabled=False) as page:
        session = gr.BrowserState("", storage_key="tutor-session", secret="tutor")
        with gr.Row(elem_id="head"):
            gr.Markdown("# Tutor", elem_id="title")
            line = gr.Markdown(status_line(tutor), elem_id="status-line")
        # By which one tab opens another; inside of Tabs they would count as tabs.
        topic, quiz = gr.State({}), gr.State({})
        with gr.Tabs(selected="chat", elem_id="tabs") as tabs:
            with gr.Tab("Chat", id="chat"):
                relay = build_chat(page, tutor, agent, learner, session)
            build_roadmap(tutor, learner, relay, tabs, topic)
            build_quiz(tutor, learner, quiz)
            build_labs(tutor, learner)
            build_inside(tutor, learner)
            build_papers(tutor, learner, tabs, topic, quiz)
            build_progress(tutor, learner)
            build_status(tutor)
        gr.Timer(REFRESH_S).tick(lambda: status_line(tutor), None, line, show_progress="hidden")
    page.queue(default_concurrency_limit=8, max_size=64)
    return page


def _launch(page: Any, settings: Settings) -> str:
    from tutor.ui.theme import make_theme

    password = settings.password.get_secret_value() if settings.password else None

    def allowed(name: str, given: str) -> bool:
        return bool(name.strip()) and secrets.compare_digest(given.encode(), str(password).encode())

    try:
        _app, url, _ = page.launch(
            server_name=settings.host,
            server_port=settings.port or None,
            auth=allowed if password else None,
            auth_message="Your name, and the password of this tutor.",
            prevent_thread_lock=True,
            quiet=True,
            show_error=True,
            share=False,
            ssr_mode=False,
            mcp_server=False,
            footer_links=[],
            max_file_size=MAX_UPLOAD,
            theme=make_theme(),
            css_paths=[HERE / "style.css", HERE / "inside.css"],
            head=f"<script>{(HERE / 'page.js').read_text('utf-8')}</script>",
        )
    except OSError as error:
        raise ConfigError(
            f"Port {settings.port} on {settings.host} is not free.",
            "Stop what uses it, or choose another with --port (0 takes any free one).",
        ) from error
    return str(url)


def _check_access(settings: Settings) -> None:
    if not settings.loopback and not settings.password:  # none, or an empty one
        raise ConfigError(
            f"Listening on {settings.host} opens the tutor to other machines.",
            "Set TUTOR_PASSWORD, or stay on 127.0.0.1.",
        )


def _has_display() -> bool:
    return sys.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
