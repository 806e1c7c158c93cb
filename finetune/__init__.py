"""Fine-tuning: SFT, reward model, preference tuning, export. Not built yet."""
