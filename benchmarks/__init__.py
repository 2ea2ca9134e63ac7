"""What a call costs, how true its figures are, what the mock server serves: measured by `make bench`."""
