"""Shows a run while it lasts: the live line and the web UI."""
