"""Tutor: a local-first chat tutor for Large Language Models."""

__version__ = "0.1.0"
