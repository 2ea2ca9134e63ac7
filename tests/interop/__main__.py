"""`python -m tests.interop`: load tests against third-party servers. Exits 0 if every case holds."""

import shutil
import signal
import sys

from rich.console import Console
from rich.table import Table

from . import overhead
from .cases import CASES
from .command_line import write_models_file
from .install import install_servers
from .layout import RUN
from .servers import running_servers
from .trial import Verdict, try_case


def main() -> int:
    # Leaving through SystemExit ends the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    install_servers()
    _empty_run_folder()
    write_models_file()
    with running_servers() as addresses:
        verdicts = [try_case(case, number, addresses) for number, case in enumerate(CASES, 1)]
        overheads = overhead.measure(addresses)
    # If stdout is not a terminal, rich would squeeze the tables into 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_table(verdicts))
    console.print(overhead.table(overheads))
    return int(any([verdict.complaint for verdict in verdicts] + [each.complaint for each in overheads]))


def _empty_run_folder() -> None:
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(parents=True)


def _table(verdicts: list[Verdict]) -> Table:
    table = Table("provider", "api", "model", "target", "stream", "ok / total", "verdict")
    for verdict in verdicts:
        table.add_row(*_cells(verdict), style="red" if verdict.complaint else None)
    return table


def _cells(verdict: Verdict) -> list[str]:
    case, counts = verdict.case, verdict.counts
    stream = "yes" if case.stream else "no"
    calls = f"{counts.succeeded} / {counts.total}" if counts else "-"
    return [case.provider, case.api, case.model, case.target, stream, calls, verdict.complaint or "holds"]


if __name__ == "__main__":
    sys.exit(main())
