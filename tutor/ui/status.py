"""The Status tab and the status line: what is ready, and what is being done about the rest."""

from __future__ import annotations

import gradio as gr

from tutor.app import Tutor

DOTS = {"ready": "ready", "starting": "busy", "preparing": "busy", "failed": "failed"}


def status_line(tutor: Tutor) -> str:
    """One line: the model, and the index."""
    status = tutor.status()
    mark = f'<span class="dot {DOTS.get(status["model_state"], "off")}"></span>'
    if status["model_state"] == "ready":
        model = f"{mark} {status['model']} is ready"
    elif status["model_state"] == "off":
        model = f"{mark} No model: answers are quoted from the sources"
    else:
        fraction = status["model_fraction"]
        share = "" if fraction is None else f" {fraction:.0%}"
        detail = status["model_detail"].rstrip(".")
        model = f"{mark} {detail}{share}; until then answers are quoted"
    index = "search ready"
    if not status["index_ready"]:
        index = f"index {status['index_built']:.0%} built, until then search is by words"
    return f"{model} · {index}"


def build_status(tutor: Tutor) -> gr.Tab:
    """Lay out the tab and wire it."""
    with gr.Tab("Status", id="status") as tab:
        details = gr.Markdown(elem_id="status-details")
        refresh = gr.Button("Refresh", elem_id="status-refresh", size="sm")

    def show() -> str:
        return details_markdown(tutor)

    tab.select(show, None, details, show_progress="hidden")
    refresh.click(show, None, details, show_progress="hidden")
    return tab


def details_markdown(tutor: Tutor) -> str:
    """Each part and its state, as a table."""
    status = tutor.status()
    rows = [
        ("Language model", status["model"] or status["model_state"]),
        ("Model server", status["model_detail"] or status["model_state"]),
        (
            "Search",
            "words and meaning" if status["embeddings"] and status["index_ready"] else "words",
        ),
        ("Index", "ready" if status["index_ready"] else "being built"),
        ("Data", str(tutor.settings.home)),
        ("Logs", str(tutor.settings.home / "logs")),
    ]
    return "## Parts\n| Part | State |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in rows)
