"""What a learner knows, when to review it, and what to study next."""
