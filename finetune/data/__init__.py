"""Training data: rows assembled from the corpus, so that each target is right by construction.

    python -m finetune.data --out DIR

Prompts come out of the code that serves: each skill runs the tutor's own function with a recorder
in the model's place, which keeps the messages and hands back the target. A row exists only where
that function accepts the target (sentences supported, JSON valid, credits as meant).
"""
