"""DeepSeek: openai's API at another address. https://api-docs.deepseek.com"""

from providers.openai import OpenAIUser


class DeepSeekUser(OpenAIUser):
    """Asks through openai's client, as DeepSeek's documentation says; it has no Responses API."""

    provider = "deepseek"
    apis = ("chat", "completions")
