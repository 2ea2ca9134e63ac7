"""What a run leaves behind: rows, histograms, files."""
