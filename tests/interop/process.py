"""A server as a process group: started, waited for until it answers, ended with all its children."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .install import Command
from .layout import RUN

READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.2

Process = subprocess.Popen[bytes]


@contextmanager
def running(command: Command, log: Path, environment: Mapping[str, str]) -> Iterator[Process]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end_group(process)


def await_answer(process: Process, url: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"interop: nothing answers at {url}, see the logs in {RUN}")
        time.sleep(POLL_S)


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _end_group(process: Process) -> None:
    """Signal twice: the second signal also reaches children that outlived their parent."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signum)
            process.wait(STOP_TIMEOUT_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
