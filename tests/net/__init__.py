"""A safety net for redesigns: what whole runs write for fixed seeds, held word for word except for times and chance."""
