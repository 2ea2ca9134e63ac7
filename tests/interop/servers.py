"""LiteLLM and aimock, on free ports of 127.0.0.1 for the duration of a `with` block."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from string import Template

from .install import AIMOCK, LITELLM, Command
from .layout import HERE, RUN
from .process import await_answer, running

KEY = "sk-litellm-test"
HOST = "127.0.0.1"

LITELLM_ENVIRONMENT = {
    # Otherwise LiteLLM fetches its price list from the internet when it starts.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "DISABLE_ADMIN_UI": "True",
}


@contextmanager
def running_servers() -> Iterator[dict[str, str]]:
    """Yield each server's address by name, once both answer."""
    ports = dict(zip(("aimock", "litellm"), _free_ports(2), strict=True))
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    aimock = running(_aimock_command(ports["aimock"]), RUN / "aimock.log", {})
    litellm = running(_litellm_command(ports["litellm"], addresses["aimock"]), RUN / "litellm.log", LITELLM_ENVIRONMENT)
    with aimock as aimock_process, litellm as litellm_process:
        await_answer(aimock_process, addresses["aimock"] + "/health")
        await_answer(litellm_process, addresses["litellm"] + "/health/liveliness")
        yield addresses


def _aimock_command(port: int) -> Command:
    # aimock looks for its fixtures in the folder it is started in, not in its config file's.
    shutil.copy(HERE / "fixtures.json", RUN)
    cli = AIMOCK / "node_modules/@copilotkit/aimock/dist/aimock-cli.js"
    return ["node", cli, "--config", HERE / "aimock.json", "--host", HOST, "--port", str(port)]


def _litellm_command(port: int, aimock: str) -> Command:
    config = RUN / "litellm.yaml"
    config.write_text(Template((HERE / "litellm.yaml").read_text()).substitute(aimock=aimock, key=KEY))
    cli = LITELLM / "bin/litellm"
    return [cli, "--config", config, "--host", HOST, "--port", str(port), "--num_workers", "1"]


def _free_ports(count: int) -> list[int]:
    """Return free ports. All are held before the first is released, so that no two are the same."""
    with ExitStack() as held:
        listeners = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]
