"""One run, from the first permit to the summary."""
