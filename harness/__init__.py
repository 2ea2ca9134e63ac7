"""The run around the calls: options, pre-flight, request budget, records, verdict, web UI."""
