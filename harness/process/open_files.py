"""The open-file limit: each user can hold a connection."""

import resource

from harness.errors import UsageError

SPARE_FILES = 200
"""For everything but the users' connections: logs, results, imports, connections to workers, the web UI."""


def allow(users: int) -> int:
    """Raise the process's soft limit, as far as the hard limit allows, for `users` connections; return the limit."""
    wanted = users + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def check(users: int) -> None:
    """Raise `UsageError` if the system doesn't allow `users` connections at once."""
    wanted, limit = users + SPARE_FILES, allow(users)
    if limit < wanted:
        cause = f" for {users} users" if users else ""
        raise UsageError(f"{wanted} open files are needed{cause}, but the limit is {limit}: raise it with ulimit -n")
