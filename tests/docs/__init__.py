"""The documentation's tables, made from the code; and what the documentation says, to be tested."""
