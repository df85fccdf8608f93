"""A long search for prompts that a strategy counts wrongly: random cases, round after round."""
