"""The HTML page around the charts."""
