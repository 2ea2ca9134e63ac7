"""Anthropic."""

from providers.anthropic import Anthropic
from tests.cases.case import CLAUDE_PROMPT, KEY, SAID_BY_USER, APICase, ProviderCase
from tests.cases.openai import STATUS_ERRORS, TROUBLE

MODEL = "claude-3-opus-20240229"
CASE = ProviderCase(
    provider=Anthropic,
    model=MODEL,
    key_headers={"authorization": f"Bearer {KEY}"},
    status_errors=STATUS_ERRORS | {408: "RequestTimeoutError", 503: "ServiceUnavailableError", 529: "OverloadedError"},
    trouble=TROUBLE,
    apis={
        "chat": APICase(
            "/v1/messages",
            {"model": MODEL, **SAID_BY_USER},
            finish_reason="end_turn",
            cut_reason="max_tokens",
            unlimited={"max_tokens": 1024},
            reasoning_model="claude-reason",
        ),
        "completions": APICase(
            "/v1/complete",
            {"model": MODEL, "prompt": CLAUDE_PROMPT},
            finish_reason="stop_sequence",
            cut_reason="max_tokens",
            limit={"max_tokens_to_sample": 5},
            unlimited={"max_tokens_to_sample": 1024},
            reports_usage=False,
            reports_cached_tokens=False,
        ),
    },
    reports_reasoning_tokens=False,
)
