"""Toy."""

from providers.toy import Toy
from tests.cases.case import KEY, PROMPT, APICase, ProviderCase, Trouble
from tests.cases.openai import STATUS_ERRORS

MODEL = "toy-1"
CASE = ProviderCase(
    provider=Toy,
    model=MODEL,
    key_headers={"x-toy-key": KEY},
    status_errors=dict.fromkeys(STATUS_ERRORS, "HTTPStatusError"),
    trouble=Trouble(refused="ConnectError", broken="RemoteProtocolError", late="ReadTimeout"),
    apis={
        "chat": APICase(
            "/toy/talk",
            {"model": MODEL, "question": PROMPT},
            finish_reason="stop",
            cut_reason="length",
            limit={"most": 5},
        ),
    },
)
