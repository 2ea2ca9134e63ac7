"""What charts are drawn from, prepared: calls, slices of time, what servers claim."""
