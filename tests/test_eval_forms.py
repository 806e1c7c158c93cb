"""Figures on the two forms of a stage's test."""

from __future__ import annotations

import pytest

from eval import forms


def test_forms_are_matched_and_gains_follow_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "QUICK_SEEDS", 2)
    rated, gap, nothing, half = forms.form_metrics(quick=True)
    assert rated.value == rated.baseline and "14 tests over 7 stages" in rated.note
    assert gap.value is not None and gap.baseline is not None
    assert 0 < gap.value < gap.baseline
    assert nothing.value is not None and half.value is not None
    assert nothing.value < half.value
    assert [metric.value for metric in forms.form_metrics(quick=True)] == [
        rated.value, gap.value, nothing.value, half.value
    ]  # fmt: skip
