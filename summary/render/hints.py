"""What to do about a failure, from its status and its message alone."""

import re

import refused_fields

_OF_A_MODEL = re.compile(r"(?<!/)(?:model|deployment)", re.IGNORECASE)
"""`/models/` or `/deployments/` in a path that the server quotes is no model."""

_NO_MODEL = "is the model's name right (-m)? If the server lists its models, the log names some"
_NO_API = (
    "is -H the SDK's base address (with /v1 for OpenAI, without it for Anthropic)? If another address has the API, "
    "the log names it"
)


def hint(status: object, message: str) -> str | None:
    """Return what to do; `None` if nothing is known."""
    if str(status) == "404":
        return _NO_MODEL if is_about_a_model(message) else _NO_API
    return refused_fields.hint(status, message)


def is_about_a_model(message: str) -> bool:
    """Return whether a server's 404 is about a model rather than the address."""
    return bool(_OF_A_MODEL.search(message))
