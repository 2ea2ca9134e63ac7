"""The providers, one file and one `Provider` each around the official SDK, and the user that measures them."""
