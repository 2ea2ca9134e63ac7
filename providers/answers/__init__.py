"""Readers of the providers' answers: pure functions from bodies and events to the parts of an answer."""
