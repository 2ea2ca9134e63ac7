"""A net under a redesign: what whole runs write for fixed seeds, held word for word but for times and chance."""
