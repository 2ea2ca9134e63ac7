"""What a call costs, how accurate its figures are, how fast the mock server is: measured by `make bench`."""
