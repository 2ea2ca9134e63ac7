"""One run on several processes: a master and its workers."""
