"""Whether a run's figures can be believed, in plain words: what speaks against them, and what was looked at."""
