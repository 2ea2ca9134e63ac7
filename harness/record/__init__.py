"""A run's records: rows, histograms, files."""
