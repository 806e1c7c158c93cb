"""A language model looked at from within, for learners: its tokens, its probabilities for the next
one, its attention, and what training changed.

`weights` holds the one small model and switches its adapters; `tokens`, `sampling` and `attention`
are what can be seen of it; `microscope` joins them; `llm` lets it write, `drafts` compares.
"""
