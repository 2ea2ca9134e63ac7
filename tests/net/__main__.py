"""`python -m tests.net`: hold what the runs write now. Read the diff before you commit it."""

import sys
import tempfile
from pathlib import Path

from tests.net.cases import CASES, HELD, differences, file_of, run_all


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        left = run_all(Path(folder))
    for stale in set(HELD.glob("*")) - {file_of(name) for name in CASES}:
        stale.unlink()
    changed = [name for name in CASES if differences(name, left[name])]
    for name in changed:
        file_of(name).write_text(left[name], encoding="utf-8")
    print(f"{len(changed)} of {len(CASES)} files are new: {', '.join(changed)}" if changed else "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
