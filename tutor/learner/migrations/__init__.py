"""Numbered migrations of the learners' database; `tutor.learner.store` runs them at opening."""
