"""Every stage runs through TRL for a step or two, on a tiny random model with a small tokenizer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval import training
from finetune.config import RunConfig
from finetune.data.rows import Pair, Row, write_rows
from finetune.sampling import Sampler
from finetune.training import load_tokenizer, read_log
from tutor.errors import ConfigError, InputError, ModelError
from tutor.models.llm import Message

PROCESSES = Path(__file__).parents[1] / "finetune" / "processes"

torch = pytest.importorskip("torch")

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' "
    "+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WORDS = "user assistant system Facts Question Answer a b c d e f g [1] . : yes no maybe".split()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    special = ["<|im_start|>", "<|im_end|>", "<unk>"]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", bos_token="<|im_start|>",
        unk_token="<unk>", chat_template=TEMPLATE,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    system = Message("system", "a b")
    prompts = [(system, Message("user", f"Question a b c {x} ?")) for x in "abcdefg"]
    rows = [Row("grounded", "t", "lesson:t", prompt, "yes [1] .") for prompt in prompts]
    pairs = [Pair("grounded", "f", "t", "s", prompt, "yes .", "no no") for prompt in prompts]
    write_rows([*rows, *rows], folder / "sft.jsonl")
    write_rows(pairs, folder / "preferences.jsonl")
    write_rows(pairs[:2], folder / "preferences_held_out.jsonl")
    return folder


def config(base: Path, data: Path, output: Path, **settings: Any) -> RunConfig:
    given = {"base": str(base), "data": data, "output": output, "warmup_steps": 0, "batch_size": 2}
    given |= {"schedule": "constant", "learning_rate": 0.05, "max_tokens": 60, "steps": 2}
    return RunConfig.model_validate(given | settings)


@pytest.fixture(scope="module")
def tuned(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from finetune.sft import train

    output = tmp_path_factory.mktemp("sft")
    for steps in (4, 7):  # the second goes on from the first's checkpoint, as after a kill
        train(config(base, data, output, stage="sft", steps=steps, save_every=4))
    return output


def test_sft_lowers_the_loss_and_goes_on_from_a_checkpoint(tuned: Path) -> None:
    rows = read_log(tuned)
    assert [row["step"] for row in rows] == list(range(1, 8))
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.1
    assert (tuned / "curves.png").exists() and list(tuned.glob("checkpoints/runs/*/events*"))


def test_trl_as_it_comes_trains_too(base: Path, data: Path, tmp_path: Path) -> None:
    from finetune.sft import train

    train(config(base, data, tmp_path, stage="sft", share_prefix=False))
    assert len(read_log(tmp_path)) == 2


def test_two_processes_train_as_one(base: Path, data: Path, tmp_path: Path) -> None:
    settings = config(base, data, tmp_path / "run", stage="sft", share_prefix=False, steps=4)
    file = tmp_path / "run.yaml"
    file.write_text(settings.model_dump_json(), "utf-8")  # JSON is YAML
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    launch += [str(PROCESSES / "cpu.yaml"), "-m", "finetune.sft", str(file)]
    ended = subprocess.run(launch, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    rows = read_log(tmp_path / "run")
    assert [row["step"] for row in rows] == [1, 2, 3, 4] and rows[-1]["loss"] < rows[0]["loss"]
    lines = (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()
    assert sum('"loss"' in line for line in lines) == 4, "each process wrote the log"


def test_accelerate_takes_the_config_for_gpus() -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.utils import FullyShardedDataParallelPlugin

    config = load_config_from_file(str(PROCESSES / "fsdp.yaml"))
    assert config.distributed_type.value == "FSDP" and config.num_processes > 1
    given = config.fsdp_config
    version = given.pop("fsdp_version")
    options = {name.removeprefix("fsdp_"): value for name, value in given.items()}
    plugin = FullyShardedDataParallelPlugin(fsdp_version=version, **options)
    assert plugin.fsdp_version == 2 and plugin.reshard_after_forward is True


def test_rollouts_by_vllm_ask_for_a_gpu(base: Path, data: Path, tmp_path: Path) -> None:
    from finetune.grpo import train

    with pytest.raises(ConfigError, match="rollouts: transformers"):
        train(config(base, data, tmp_path, stage="grpo", rollouts="vllm", batch_size=4))


def test_shared_prefix_and_trl_start_from_the_same_loss(
    base: Path, data: Path, tmp_path: Path
) -> None:
    from finetune.sft import train

    losses = []
    for shared in (True, False):
        output = tmp_path / str(shared)
        settings = {"stage": "sft", "share_prefix": shared, "steps": 1, "batch_size": 7}
        train(config(base, data, output, **settings, skills={"grounded": 7}))
        losses.append(read_log(output)[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_reward_model_is_measured_on_held_out_pairs(base: Path, data: Path, tmp_path: Path) -> None:
    from finetune.reward import train

    train(config(base, data, tmp_path, stage="reward", steps=6))
    held_out = json.loads((tmp_path / "held_out.json").read_text())
    assert held_out["pairs"] == 2 and held_out["held_out_accuracy"] == 1.0


def test_reward_model_is_measured_on_the_skills_it_is_trained_for(
    base: Path, data: Path, tmp_path: Path
) -> None:
    from finetune.reward import train

    folder = tmp_path / "data"
    folder.mkdir()
    rows = (data / "preferences_held_out.jsonl").read_text()
    other = rows.replace('"skill": "grounded"', '"skill": "hint"')
    assert other != rows
    (folder / "preferences_held_out.jsonl").write_text(other + rows)
    (folder / "preferences.jsonl").write_text((data / "preferences.jsonl").read_text())
    settings = {"stage": "reward", "steps": 1, "skills": {"grounded": 7}}
    train(config(base, folder, tmp_path / "run", **settings))
    assert json.loads((tmp_path / "run" / "held_out.json").read_text())["pairs"] == 2


def test_dpo_starts_at_log_two(base: Path, data: Path, tmp_path: Path, tuned: Path) -> None:
    from finetune.dpo import train

    settings = {"steps": 6, "batch_size": 6}
    train(config(base, data, tmp_path, stage="dpo", adapter=tuned / "adapter", **settings))
    rows = read_log(tmp_path)
    assert rows[0]["loss"] == pytest.approx(0.6931, abs=0.001)
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_grpo_is_rewarded_by_the_tutors_checks(
    base: Path, data: Path, tmp_path: Path, tuned: Path
) -> None:
    from finetune.grpo import train

    settings = {"stage": "grpo", "completions": 2, "reply_tokens": 8, "steps": 1}
    train(config(base, data, tmp_path, adapter=tuned / "adapter", **settings))
    [row] = read_log(tmp_path)
    assert 0 <= row["reward"] <= 1


def test_sampler_writes_what_generate_writes(base: Path, tuned: Path) -> None:
    sampler = Sampler(base, tuned / "adapter")
    prompts = [[Message("user", f"Question {x}")] for x in ("a", "b c d", "a e")]
    for prompt, reply in zip(prompts, sampler.replies(prompts, 6), strict=True):
        ids = torch.tensor([sampler._encode(prompt)])
        out = sampler.model.generate(ids, max_new_tokens=6, do_sample=False, pad_token_id=1)
        assert reply == sampler._decode(out[0, ids.shape[1] :].tolist())
    assert sampler.perplexity("a b c\n\nd e f g") > 1


def test_choice_is_the_likeliest_option(base: Path) -> None:
    sampler = Sampler(base)
    options = ["a b", "no", "maybe yes d"]

    def mean_logprob(option: str) -> float:
        start = sampler.tokenizer("Question: a b\nAnswer:")["input_ids"]
        ids = torch.tensor([start + sampler.tokenizer(option)["input_ids"]])
        said = sampler.model(ids).logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])
        return float(said[len(start) - 1 :].mean())

    best = max(range(3), key=lambda n: mean_logprob(options[n]))
    assert sampler.choice("a b", options) == best
    assert sampler.choice("a b", options[::-1]) == 2 - best


@pytest.mark.parametrize("mode", ["bare", "tutor"])
def test_training_is_timed_step_by_step(
    mode: str, base: Path, data: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(training, "BATCH", 2)
    (tmp_path / "sft.jsonl").write_text((data / "sft.jsonl").read_text())
    monkeypatch.setattr(sys, "argv", ["eval.training", mode, str(base), str(tmp_path), "3"])
    assert training.main() == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(found["speeds"]) == 3 and min(found["speeds"]) > 0  # the first warms up
    assert found["memory_gb"] > 0 and found["tokens"] > 0


def test_too_short_a_limit_is_named(base: Path, data: Path, tmp_path: Path) -> None:
    from finetune.dpo import train as dpo
    from finetune.reward import train as reward
    from finetune.sft import train as sft

    for stage, train in (("sft", sft), ("dpo", dpo), ("reward", reward)):
        with pytest.raises(InputError, match="Raise max_tokens"):
            train(config(base, data, tmp_path, stage=stage, max_tokens=16))


def test_unknown_skill_is_named(base: Path, data: Path, tmp_path: Path) -> None:
    from finetune.sft import train

    with pytest.raises(InputError, match="cooking"):
        train(config(base, data, tmp_path, stage="sft", skills={"cooking": 3}))


def test_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no tokenizer"):
        load_tokenizer(tmp_path)


def test_loss_that_is_no_number_stops_the_run(base: Path, data: Path, tmp_path: Path) -> None:
    from finetune.sft import train

    with pytest.raises(ModelError, match="not a number"):
        settings = {"learning_rate": 0.99, "lora": {"alpha": 10**30}, "steps": 4}
        train(config(base, data, tmp_path, stage="sft", **settings))
