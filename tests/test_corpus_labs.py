"""Every lab of the corpus: its solution passes, every wrong one is caught."""

from __future__ import annotations

import pytest

from corpus.check import check_lab, lab_problems
from corpus.labs import load_labs
from corpus.trials import Trial, try_labs
from tutor.exercises.code import grade_code
from tutor.exercises.fairness import unfair_means

LABS = load_labs()


@pytest.fixture(scope="module")
def trials() -> dict[str, list[Trial]]:
    """All labs' solutions, starters and mutants, run once."""
    found: dict[str, list[Trial]] = {name: [] for name in LABS}
    for trial in try_labs(LABS.values()):
        found[trial.lab].append(trial)
    return found


@pytest.mark.parametrize("name", LABS)
def test_solution_passes_and_every_mutant_is_caught(
    name: str, trials: dict[str, list[Trial]]
) -> None:
    assert len(trials[name]) == len(LABS[name].mutants) + 2
    assert lab_problems(trials[name]) == []


@pytest.mark.parametrize("name", LABS)
def test_lab_is_complete(name: str) -> None:
    assert list(check_lab(LABS[name])) == []


@pytest.mark.parametrize("name", LABS)
def test_solution_and_starter_play_fair(name: str) -> None:
    lab = LABS[name]
    for source in (lab.solution, lab.starter, *lab.mutants.values()):
        assert unfair_means(source, lab.packages) is None


@pytest.mark.parametrize("name", ["attention", "tiny-gpt", "rnn-text-generation"])
def test_solution_passes_inside_the_sandbox_as_well(name: str) -> None:
    """Within its limits, which the trials above don't have."""
    result = grade_code(LABS[name], LABS[name].solution)
    assert [test for test in result.tests if not test.passed] == []
    assert result.grade.verdict == "correct" and result.stopped == ""
