"""Installs the third-party servers, each in its own environment, unless they are already there."""

import shutil
import subprocess
import sys
from pathlib import Path

from .layout import INSTALLED

LITELLM = INSTALLED / "litellm"
AIMOCK = INSTALLED / "aimock"

# Without the last three, LiteLLM's error paths answer 500, whatever the upstream said.
LITELLM_PACKAGES = ["litellm[proxy]==1.106.2", "prisma", "google-auth", "google-genai"]
AIMOCK_PACKAGES = ["@copilotkit/aimock@1.43.0"]

INSTALL_TIMEOUT_S = 900

Command = list[str | Path]


def install_servers() -> None:
    _require_on_path("node", "npm")
    _install(
        LITELLM,
        LITELLM_PACKAGES,
        [sys.executable, "-m", "venv", "--clear", LITELLM],
        [LITELLM / "bin/pip", "install", "--quiet", *LITELLM_PACKAGES],
    )
    _install(
        AIMOCK,
        AIMOCK_PACKAGES,
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", AIMOCK, *AIMOCK_PACKAGES],
    )


def _require_on_path(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            sys.exit(f"interop: {tool} is not on the PATH, so aimock cannot run")


def _install(place: Path, packages: list[str], *commands: Command) -> None:
    """Write the receipt last: an install that was cut off, or has other packages, is made again."""
    receipt = place / "installed.txt"
    wanted = "\n".join(packages)
    if receipt.exists() and receipt.read_text() == wanted:
        return
    print(f"interop: installing {place.name}", file=sys.stderr)
    place.mkdir(parents=True, exist_ok=True)
    for command in commands:
        _execute(command, place.with_suffix(".log"))
    receipt.write_text(wanted)


def _execute(command: Command, log: Path) -> None:
    try:
        with log.open("w") as output:
            subprocess.run(command, stdout=output, stderr=output, timeout=INSTALL_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"interop: {log.stem} could not be installed ({type(error).__name__}), see {log}")
