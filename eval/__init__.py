"""Measurements: `python -m eval.run` writes one report."""
