"""One run, from its first permit to its summary."""
