"""OpenAI, and what other providers with the same API share."""

from providers.openai import OpenAI
from tests.cases.case import KEY, PROMPT, SAID_BY_USER, APICase, ProviderCase, Trouble

STATUS_ERRORS = {
    302: "APIStatusError",
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "APIStatusError",
    409: "ConflictError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    529: "InternalServerError",
}
TROUBLE = Trouble(refused="APIConnectionError", broken="APIConnectionError", late="APITimeoutError")


def chat(target: str, model: str, reasoning_model: str = "gpt-reason", is_distinct: bool = False) -> APICase:
    body = {"model": model, **SAID_BY_USER}
    return APICase(target, body, "stop", "length", reasoning_model=reasoning_model, is_distinct=is_distinct)


def completions(target: str, model: str, is_distinct: bool = False) -> APICase:
    return APICase(target, {"model": model, "prompt": PROMPT}, "stop", "length", is_distinct=is_distinct)


def responses(target: str, model: str, is_distinct: bool = False) -> APICase:
    body, limit = {"model": model, "input": PROMPT}, {"max_output_tokens": 5}
    return APICase(
        target,
        body,
        "completed",
        "max_output_tokens",
        limit=limit,
        reasoning_model="gpt-reason",
        is_distinct=is_distinct,
    )


MODEL = "gpt-4o"
CASE = ProviderCase(
    provider=OpenAI,
    model=MODEL,
    key_headers={"authorization": f"Bearer {KEY}"},
    status_errors=STATUS_ERRORS,
    trouble=TROUBLE,
    apis={
        "chat": chat("/chat/completions", MODEL, is_distinct=True),
        "completions": completions("/completions", MODEL, is_distinct=True),
        "responses": responses("/responses", MODEL, is_distinct=True),
    },
)
