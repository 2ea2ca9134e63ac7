"""`python -m tests.docs`: make the tables of docs/options.md again, after a change to an option or its help."""

import sys

from tests.docs.options import PAGE, renewed


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(text), encoding="utf-8")
    print("nothing has changed" if renewed(text) == text else f"{PAGE.name} is new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
