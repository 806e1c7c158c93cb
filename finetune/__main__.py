"""The whole pipeline by one command: `python -m finetune MODEL [--out DIR] [--only STAGE…]`.

Data, SFT (in two parts where there is an answers.yaml), reward model, DPO, GRPO, and the table of
base, SFT, DPO and GRPO on held-out topics; MODEL is a folder of finetune/configs, and the stages
that it holds no config of are left out. What an earlier call finished is not done again, and a
stage that was killed goes on from its last checkpoint: the same command ends what it began.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune.config import load_config
from tutor.errors import ConfigError, TutorError

CONFIGS = Path(__file__).parent / "configs"
# The runs by the names of their configs, with the module that trains them.
TRAINED = {"sft": "sft", "answers": "sft", "reward": "reward", "dpo": "dpo", "grpo": "grpo"}
STAGES = ("data", *TRAINED, "evaluate")


@dataclass(frozen=True)
class Step:
    """A stage's command, and the file that it writes last."""

    stage: str
    module: str
    arguments: tuple[str, ...]
    result: Path

    @property
    def command(self) -> list[str]:
        """For subprocess: a process of its own, so that its memory is given back."""
        return [sys.executable, "-m", f"finetune.{self.module}", *self.arguments]


def main() -> int:
    """The command line above; 1 after an error in words."""
    parser = argparse.ArgumentParser(
        prog="finetune", formatter_class=argparse.RawTextHelpFormatter, description=__doc__
    )
    parser.add_argument("model", help="folder of finetune/configs, or a path to one like them")
    parser.add_argument("--base", default="", help="another base model or folder than the configs'")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of data and runs")
    parser.add_argument("--only", nargs="+", choices=STAGES, default=STAGES, metavar="STAGE")
    parser.add_argument("--questions", type=int, help="of the table; all where it is left out")
    parser.add_argument("--rows", type=int, help="of each other skill in the table")
    parser.add_argument("--dry-run", action="store_true", help="print the commands alone")
    options = parser.parse_args()
    size = [f"--{k}={v}" for k in ("questions", "rows") if (v := getattr(options, k)) is not None]
    try:
        for step in steps(options.model, options.out, size, options.base):
            if step.stage not in options.only:
                continue
            if step.result.exists() and not options.dry_run:
                print(f"{step.stage}: done ({step.result})")
                continue
            print(f"{step.stage}: {' '.join(step.command)}", flush=True)
            if not options.dry_run and (code := subprocess.run(step.command).returncode):
                return code
    except TutorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def steps(model: str, out: Path, size: Sequence[str] = (), base: str = "") -> list[Step]:
    """All stages in their order.

    Args:
        model: Name of a folder of configs, or its path.
        out: Where the data (`out/data`) and the runs (`out/MODEL/STAGE`) go.
        size: Arguments of `finetune.evaluate`.
        base: Takes the place of the configs' base where it is given.

    Raises:
        ConfigError: There is no such folder, or one of its configs is malformed.
    """
    folder = Path(model) if Path(model).is_dir() else CONFIGS / model
    there = [name for name in TRAINED if (folder / f"{name}.yaml").is_file()]
    if "sft" not in there:
        known = ", ".join(sorted(path.name for path in CONFIGS.iterdir()))
        raise ConfigError(f"{model} holds no sft.yaml.", f"There are {known}.")
    data, runs = out / "data", out / folder.name
    made = [Step("data", "data", ("--out", str(data)), data / "card.json")]
    for name in there:
        given: dict[str, object] = {"data": data, "output": runs / name}
        if base:
            given["base"] = base
        config = load_config(folder / f"{name}.yaml", TRAINED[name])
        if config.adapter is not None:
            given["adapter"] = runs / config.adapter.parent.name / "adapter"
        if config.reward_model is not None:
            given["reward_model"] = runs / config.reward_model.parent.name / "adapter"
        settings = [part for k, v in given.items() for part in ("--set", f"{k}={v}")]
        arguments = (str(folder / f"{name}.yaml"), *settings)
        made.append(Step(name, TRAINED[name], arguments, runs / name / "curves.png"))
    measured = {"sft": "answers" if "answers" in there else "sft", "dpo": "dpo", "grpo": "grpo"}
    adapters = [
        f"--adapter={name}={runs / run / 'adapter'}"
        for name, run in measured.items()
        if run in there
    ]
    table = runs / "evaluate"
    of_table = (base or config.base, *adapters, f"--out={table}", *size)
    return [*made, Step("evaluate", "evaluate", of_table, table / "results.json")]


if __name__ == "__main__":
    sys.exit(main())
