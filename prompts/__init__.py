"""Prompts: read from files, and which of them each call sends. Stdlib only."""
