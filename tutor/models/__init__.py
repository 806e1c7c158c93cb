"""Which model, and how it is had and served; see docs/architecture.md."""
