"""Two machines, as far as the network shows: a master and its workers with separate addresses, loopbacks and ports."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import rows_in, started, stats_in
from tests.mock_server import serving

HERE, THERE = "192.0.2.1", "192.0.2.2"
CALLS = 40
KEY = "test-key-123"
TARGET = ["--headless", "-p", "openai", "-m", "gpt-4o", "-k", KEY, "--csv", "run"]
FETCH = "import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=10).read())"


@dataclass(frozen=True)
class Machine:
    """A network namespace, with one address on the cable to the other."""

    name: str
    address: str

    @property
    def inside(self) -> list[str]:
        """Return the prefix of a command that runs it there, under the same process id as here."""
        return ["ip", "netns", "exec", self.name]

    def get(self, url: str) -> Any:
        """Return the JSON at a URL, as seen from there."""
        command = [*self.inside, sys.executable, "-c", FETCH, url]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)


@pytest.fixture(scope="module")
def machines() -> Iterator[tuple[Machine, Machine]]:
    """Two of them, joined by a cable; their names contain this process's id."""
    if not shutil.which("ip"):
        pytest.skip("network namespaces need `ip` (iproute2)")
    here, there = Machine(f"load-test-{os.getpid()}-a", HERE), Machine(f"load-test-{os.getpid()}-b", THERE)
    try:
        join(here, there)
        yield here, there
    finally:
        for machine in (here, there):
            subprocess.run(["ip", "netns", "delete", machine.name], capture_output=True, check=False)


def join(here: Machine, there: Machine) -> None:
    try:
        for machine in (here, there):
            ip("netns", "add", machine.name)
        ip("link", "add", "cable", "netns", here.name, "type", "veth", "peer", "name", "cable", "netns", there.name)
        for machine in (here, there):
            plug_in(machine)
    except subprocess.CalledProcessError as refused:
        pytest.skip(f"network namespaces are not allowed here: {refused.stderr.strip()}")


def plug_in(machine: Machine) -> None:
    ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", "cable")
    for device in ("lo", "cable"):
        ip("-n", machine.name, "link", "set", device, "up")
    ip("netns", "exec", machine.name, "true")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)


def test_workers_on_two_machines_make_n_calls_and_the_master_has_every_row(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    here, there = machines
    slow = ("--ttft", "0.05", "--itl", "0")  # one worker alone would need 2 s for all calls: both must take part
    with serving("--host", HERE, *slow, wrapper=here.inside) as mock:
        master = [*TARGET, "-H", mock.url, "-u", "2", "-r", "2", "-i", str(CALLS), "--master", "--expect-workers", "2"]
        with (
            started(folder(tmp_path, "master"), master, here.inside) as running,
            started(folder(tmp_path, "near"), ["--worker"], here.inside, LLM_API_KEY=KEY) as near,
            started(folder(tmp_path, "far"), ["--worker", "--master-host", HERE], there.inside, LLM_API_KEY=KEY) as far,
        ):
            ended = running.wait()
            workers = [near.wait(), far.wait()]
        received = here.get(f"{mock.url}/stats")["requests"]
    for process in (ended, *workers):
        assert process.code == 0, process.stderr
    rows = rows_in(tmp_path / "master")
    assert sorted(int(row["request"]) for row in rows) == list(range(1, CALLS + 1))
    assert {row["outcome"] for row in rows} == {"ok"}
    assert len({row["worker"] for row in rows}) == 2
    assert int(stats_in(tmp_path / "master")["Request Count"]) == received == CALLS


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
