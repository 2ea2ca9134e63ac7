"""One run across several processes: a master and its workers."""
