"""A run against earlier ones: what is compared, and whether it can be."""
