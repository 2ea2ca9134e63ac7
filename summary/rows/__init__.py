"""Rows, from files that may be damaged."""
