"""The process a run lives in: its command line, signals, streams, ports and files."""
