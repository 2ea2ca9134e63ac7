"""The process around a run: its command line, signals, streams, ports and files."""
