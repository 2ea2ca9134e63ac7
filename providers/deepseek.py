"""DeepSeek: OpenAI's API at another address. https://api-docs.deepseek.com"""

from providers.openai import OpenAI


class DeepSeek(OpenAI):
    """Makes calls through openai's client, as DeepSeek documents; it has no Responses API."""

    name = "deepseek"
    apis = ("chat", "completions")
    key_variable = "DEEPSEEK_API_KEY"
    has_reasoning_models = False
