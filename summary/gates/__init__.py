"""Conditions on figures: gates, service levels, and their verdicts."""
