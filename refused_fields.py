"""Fields that the tool adds to requests, by default or for an option, and that some servers refuse."""

import re

STATUSES = (400, 422)
NEAR_CHARACTERS = 80

_WITHOUT = {
    "stream_options": """--extra-body '{"stream_options": null}' leaves it out; token counts are then empty""",
    "temperature": "--temperature none leaves it out",
    "max_tokens": """--extra-body '{"max_tokens": null}' leaves it out, """
    """'{"max_tokens": null, "max_completion_tokens": 50}' sends the newer name""",
    "max_completion_tokens": """--extra-body '{"max_completion_tokens": null}' leaves it out, """
    """'{"max_completion_tokens": null, "max_tokens": 50}' sends the older name""",
    "max_tokens_to_sample": """--extra-body '{"max_tokens_to_sample": null}' leaves it out""",
    **dict.fromkeys(
        ("max_output_tokens", "maxOutputTokens", "maxTokens", "max_gen_len", "maxTokenCount"),
        "without --max-tokens it is left out",
    ),
    "stream": "without --stream it is left out",
}

_NAME = re.compile(rf"""(?<!\w)(?:{"|".join(name for name in _WITHOUT if name != "stream")}|(?<=['"`])stream)(?!\w)""")
"""`stream` is also an ordinary word, so it must follow a quote."""

_REFUSAL = re.compile(
    r"(?:not|n't) support|unsupported|unrecogni[sz]ed|not recogni[sz]ed|unknown|unexpected|extra_|extra inputs|"
    r"extraneous|not permitted|not allowed|forbidden|deprecated|cannot find|does not exist|remove|"
    r"invalid (?:argument|field|parameter|property)",
    re.IGNORECASE,
)
"""What servers say about a field that they don't accept, as opposed to one with a wrong value."""


def refused(status: object, error: str) -> str | None:
    """Return which field the server refuses according to an error; `None` if it names none.

    status  as a number, or as it stands in a row
    """
    if str(status) not in map(str, STATUSES):
        return None
    return next((name[0] for name in _NAME.finditer(error) if _REFUSAL.search(_around(error, name))), None)


def hint(status: object, error: str) -> str | None:
    """Return which field the server refuses according to an error, and how to leave it out; `None` if it names none."""
    found = refused(status, error)
    return found and f"the server refuses {found}: {_WITHOUT[found]}"


def _around(error: str, name: re.Match[str]) -> str:
    """Return the text near a name, within the same JSON object: another object can be an echo of the request."""
    before = error[max(0, name.start() - NEAR_CHARACTERS) : name.start()]
    after = error[name.end() : name.end() + NEAR_CHARACTERS]
    return re.split("[{}]", before)[-1] + name[0] + re.split("[{}]", after)[0]
