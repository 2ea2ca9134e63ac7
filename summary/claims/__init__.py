"""What servers and proxies said of calls, beside what was measured."""
