"""Conditions on figures: gates, service levels, and what became of them."""
