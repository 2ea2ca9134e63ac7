"""A summary as tables, JSON and CSV."""
