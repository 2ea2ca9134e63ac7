"""DeepSeek."""

from providers.deepseek import DeepSeek
from tests.cases.case import KEY, ProviderCase
from tests.cases.openai import STATUS_ERRORS, TROUBLE, chat, completions

MODEL = "deepseek-chat"
CASE = ProviderCase(
    provider=DeepSeek,
    model=MODEL,
    key_headers={"authorization": f"Bearer {KEY}"},
    status_errors=STATUS_ERRORS,
    trouble=TROUBLE,
    apis={
        "chat": chat("/chat/completions", MODEL, reasoning_model="deepseek-reasoner"),
        "completions": completions("/completions", MODEL),
    },
)
