"""The process a run lives in: its signals, streams, logs and open files."""
