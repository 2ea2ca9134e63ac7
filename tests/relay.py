"""Stands for `locust` or `python` in a shell: python -S tests/relay.py NAME ARGUMENT …

A fork of the process that has imported the packages (see tests.prefork) runs the command with this process's streams,
and this one ends as that does. Its own start takes hundredths of a second, because it imports little.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ORDERS = "FORK_ORDERS"
"""Holds the number of the socket for orders."""


def order(
    number: int, command: Sequence[str], folder: str, environment: Mapping[str, str], streams: Sequence[int]
) -> None:
    """Order a fork. It is given copies of the streams: stdin, stdout, stderr, and one for its pid and exit code."""
    text = json.dumps({"folder": folder, "command": list(command), "environment": dict(environment)})
    with socket.socket(fileno=os.dup(number)) as orders:
        socket.send_fds(orders, [text.encode()], streams)


def main() -> int:
    status, theirs = os.pipe()
    order(int(os.environ[ORDERS]), sys.argv[1:], os.getcwd(), os.environ, [0, 1, 2, theirs])
    os.close(theirs)
    with open(status) as lines:
        pid = int(lines.readline())
        for each in SIGNALS:
            signal.signal(each, lambda number, _: os.kill(pid, number))
        code = int(lines.readline())
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
