"""Whether two sets of calls differ, and by how much: statistics that allow for calls that depend on each other."""
