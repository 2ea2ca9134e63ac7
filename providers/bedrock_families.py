"""What each model family wants from `invoke_model`. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.call import Answer, Delta, Finish, Usage

Path = tuple[str | int, ...]
Body = dict[str, Any]

DEMANDED_MAX_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Family:
    """A family's dialect: which part of a model id gives it away, its request's shape, where its answer stands.

    shape           of the request's body: PROMPT, CLAUDE_PROMPT, TEMPERATURE and MAX_TOKENS stand for the values
    text, finish    paths into the answer's body; a path that leads nowhere is an answer without it
    limit_demanded  a request without a token limit would be refused
    """

    mark: str
    shape: Body
    text: Path
    finish: Path
    limit_demanded: bool = False

    def request(self, payload: str, temperature: float | None, max_tokens: int | None) -> Body:
        """Return the body for one prompt. Options that the run leaves out are left out."""
        limit = max_tokens or (DEMANDED_MAX_TOKENS if self.limit_demanded else None)
        values = {
            PROMPT: payload,
            CLAUDE_PROMPT: f"\n\nHuman: {payload}\n\nAssistant:",
            TEMPERATURE: temperature,
            MAX_TOKENS: limit,
        }
        filled: Body = _fill(self.shape, values)
        return filled

    def answer(self, body: Body, headers: Mapping[str, str]) -> Answer:
        """Yield the parts of an answer. Bedrock itself counts the tokens, in headers alike for all families."""
        yield Delta(_at(body, self.text) or "")
        yield Usage(_count(headers, "input"), _count(headers, "output"))
        yield Finish(_at(body, self.finish))


PROMPT, CLAUDE_PROMPT, TEMPERATURE, MAX_TOKENS = "<prompt>", "<claude prompt>", "<temperature>", "<max tokens>"
_USER_MESSAGE = [{"role": "user", "content": PROMPT}]
_USER_BLOCKS = [{"role": "user", "content": [{"text": PROMPT}]}]

UNKNOWN = Family("", {"prompt": PROMPT, "temperature": TEMPERATURE}, ("generation",), ("stop_reason",))

_FAMILIES = (
    Family(
        "anthropic.claude-v2",
        {"prompt": CLAUDE_PROMPT, "temperature": TEMPERATURE, "max_tokens_to_sample": MAX_TOKENS},
        ("completion",),
        ("stop_reason",),
        limit_demanded=True,
    ),
    Family(
        "anthropic.claude-instant",
        {"prompt": CLAUDE_PROMPT, "temperature": TEMPERATURE, "max_tokens_to_sample": MAX_TOKENS},
        ("completion",),
        ("stop_reason",),
        limit_demanded=True,
    ),
    Family(
        "anthropic.claude",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": _USER_MESSAGE,
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
        },
        ("content", 0, "text"),
        ("stop_reason",),
        limit_demanded=True,
    ),
    Family(
        "meta.llama",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "max_gen_len": MAX_TOKENS},
        ("generation",),
        ("stop_reason",),
    ),
    Family(
        "mistral.",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        ("outputs", 0, "text"),
        ("outputs", 0, "stop_reason"),
    ),
    Family(
        "deepseek.",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        ("choices", 0, "text"),
        ("choices", 0, "stop_reason"),
    ),
    Family(
        "cohere.command-r",
        {"message": PROMPT, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        ("text",),
        ("finish_reason",),
    ),
    Family(
        "cohere.command",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        ("generations", 0, "text"),
        ("generations", 0, "finish_reason"),
    ),
    Family(
        "ai21.j2",
        {"prompt": PROMPT, "temperature": TEMPERATURE, "maxTokens": MAX_TOKENS},
        ("completions", 0, "data", "text"),
        ("completions", 0, "finishReason", "reason"),
    ),
    Family(
        "ai21.",
        {"messages": _USER_MESSAGE, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        ("choices", 0, "message", "content"),
        ("choices", 0, "finish_reason"),
    ),
    Family(
        "amazon.titan",
        {"inputText": PROMPT, "textGenerationConfig": {"temperature": TEMPERATURE, "maxTokenCount": MAX_TOKENS}},
        ("results", 0, "outputText"),
        ("results", 0, "completionReason"),
    ),
    Family(
        "amazon.nova",
        {"messages": _USER_BLOCKS, "inferenceConfig": {"temperature": TEMPERATURE, "maxTokens": MAX_TOKENS}},
        ("output", "message", "content", 0, "text"),
        ("stopReason",),
    ),
)
"""The first family whose mark stands in the model's id counts, so the narrower mark comes first."""


def of(model: str) -> Family:
    """Return the family of a model id, also of one behind a region prefix or an ARN."""
    return next((family for family in _FAMILIES if family.mark in model), UNKNOWN)


def _fill(shape: Any, values: dict[str, Any]) -> Any:
    """Return the shape with its placeholders replaced; entries whose value is `None` are dropped."""
    if isinstance(shape, dict):
        filled = {name: _fill(value, values) for name, value in shape.items()}
        return {name: value for name, value in filled.items() if value is not None}
    if isinstance(shape, list):
        return [_fill(item, values) for item in shape]
    return values.get(shape, shape)


def _at(body: Any, path: Path) -> Any:
    for step in path:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _count(headers: Mapping[str, str], side: str) -> int | None:
    value = headers.get(f"x-amzn-bedrock-{side}-token-count", "")
    return int(value) if value.isdecimal() else None
