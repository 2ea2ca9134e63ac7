"""The six providers: one file and one User class each, around the official SDK."""
