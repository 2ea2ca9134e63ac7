"""AWS Bedrock. Its completions use the legacy Claude family, which counts no cached tokens."""

from providers.bedrock import Bedrock
from tests.cases.case import CLAUDE_PROMPT, KEY, PROMPT, APICase, ProviderCase, Trouble

MODEL = "anthropic.claude-v2"
CASE = ProviderCase(
    provider=Bedrock,
    model=MODEL,
    key_headers={"authorization": f"Bearer {KEY}"},
    status_errors={
        302: "ValidationException",
        400: "ValidationException",
        401: "ClientError",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        408: "ModelTimeoutException",
        409: "ConflictException",
        429: "ThrottlingException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
        529: "InternalServerException",
    },
    trouble=Trouble(
        refused="EndpointConnectionError",
        broken="ConnectionClosedError",
        late="ReadTimeoutError",
        cut_body="ConnectionClosedError",
        stalled_body="ReadTimeoutError",
    ),
    apis={
        "chat": APICase(
            f"/model/{MODEL}/converse",
            {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]},
            finish_reason="end_turn",
            cut_reason="max_tokens",
            limit={"maxTokens": 5},
            options_in="inferenceConfig",
            reasoning_model="anthropic.claude-3-reason",
        ),
        "completions": APICase(
            f"/model/{MODEL}/invoke",
            {"prompt": CLAUDE_PROMPT},
            finish_reason="stop_sequence",
            cut_reason="max_tokens",
            limit={"max_tokens_to_sample": 5},
            unlimited={"max_tokens_to_sample": 1024},
            reasoning_model="anthropic.claude-3-reason",
            reports_cached_tokens=False,
        ),
    },
    reports_reasoning_tokens=False,
    has_frames=True,
)
