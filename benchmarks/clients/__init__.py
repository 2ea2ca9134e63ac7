"""Code that runs in a client's own process, loaded by Locust."""
