"""DeepSeek: openai's API at another address. https://api-docs.deepseek.com"""

from providers.openai import OpenAI


class DeepSeek(OpenAI):
    """Asks through openai's client, as DeepSeek's documentation says; it has no Responses API."""

    name = "deepseek"
    apis = ("chat", "completions")
    key_variable = "DEEPSEEK_API_KEY"
    has_reasoning_models = False
