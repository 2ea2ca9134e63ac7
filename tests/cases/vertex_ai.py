"""Google's Gemini, with a key: both APIs are the same."""

from dataclasses import replace

from providers.vertex_ai import VertexAI
from tests.cases.case import KEY, PROMPT, APICase, ProviderCase, Trouble

MODEL = "gemini-1.0-pro"
CHAT = APICase(
    f"/v1beta/models/{MODEL}:generateContent",
    {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
    finish_reason="STOP",
    cut_reason="MAX_TOKENS",
    limit={"maxOutputTokens": 5},
    options_in="generationConfig",
    reasoning_model="gemini-reason",
)
CASE = ProviderCase(
    provider=VertexAI,
    model=MODEL,
    key_headers={"x-goog-api-key": KEY},
    status_errors={
        302: "APIError",
        **dict.fromkeys((400, 401, 403, 404, 408, 409, 429), "ClientError"),
        **dict.fromkeys((500, 503, 529), "ServerError"),
    },
    trouble=Trouble(refused="ConnectError", broken="RemoteProtocolError", late="ReadTimeout"),
    apis={"chat": CHAT, "completions": replace(CHAT, is_distinct=False)},
)
