"""serve, model, doctor."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tutor.cli.output import Json, NoModel, emit, progress, table
from tutor.settings import load_settings

app = typer.Typer()
model_app = typer.Typer(help="Language models.", no_args_is_help=True)
app.add_typer(model_app, name="model")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535)] = None,
    no_model: NoModel = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open a browser.")
    ] = False,
) -> None:
    """Start model server, index and browser UI; print the URL; Ctrl-C stops all of it."""
    from tutor.app import Tutor
    from tutor.ui.page import serve_page

    tutor = Tutor(load_settings(host=host, port=port), use_model=not no_model)
    serve_page(tutor, open_browser=not no_browser)


@model_app.command("list")
def list_(as_json: Json = False) -> None:
    """The models known by name."""
    from tutor.models.catalog import MODELS
    from tutor.models.resolve import is_prepared

    settings = load_settings()
    rows = [
        {
            "name": spec.name,
            "kind": spec.kind,
            "licence": spec.licence,
            "prepared": is_prepared(spec.name, settings),
            "description": spec.description,
        }
        for spec in MODELS.values()
    ]

    def human(data: dict[str, Any]) -> None:
        columns = ["name", "kind", "licence", "prepared", "description"]
        table("Models", columns, [[row[c] for c in columns] for row in data["models"]])

    emit({"models": rows}, as_json, human)


@model_app.command()
def prepare(name: Annotated[str, typer.Argument()], as_json: Json = False) -> None:
    """Download, check and convert a model, so that it can be served."""
    from tutor.models.resolve import prepare as prepare_model

    with progress() as report:
        path = prepare_model(name, load_settings(), report)
    emit({"name": name, "path": str(path)}, as_json, lambda d: print(f"{name} is ready: {path}"))


@model_app.command()
def which(as_json: Json = False) -> None:
    """The model in use, and where it runs."""
    from tutor.models.catalog import choose_model
    from tutor.models.shared import running_llm

    settings = load_settings()
    running = running_llm(settings)
    data = {
        "name": running.name if running else choose_model(settings).name,
        "running": running is not None,
        "context_length": running.context_length if running else settings.context_length,
        "server": settings.llm_url or ("local" if running else None),
    }
    state = "running" if running else "not running"
    emit(data, as_json, lambda d: print(f"{d['name']} ({state})"))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check every part and say what cures what is wrong."""
    from tutor.doctor import examine

    with progress() as report:
        checks = [check.to_dict() for check in examine(load_settings(), report)]

    def human(data: dict[str, Any]) -> None:
        rows = [
            ["✓" if c["ok"] else "✗", c["name"], c["detail"], c["cure"]] for c in data["checks"]
        ]
        table("Tutor", ["", "part", "detail", "cure"], rows)

    emit({"checks": checks}, as_json, human)
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)
