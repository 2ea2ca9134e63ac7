"""The cases: each is one load test, whose calls must either all succeed or all fail."""

from dataclasses import dataclass

CALLS = 4


@dataclass(frozen=True)
class Case:
    """`target` is a server's name, followed by the path under which it serves this provider."""

    provider: str
    model: str
    target: str
    api: str = "chat"
    stream: bool = False
    api_version: str | None = None
    fails: bool = False

    def host(self, addresses: dict[str, str]) -> str:
        server, slash, path = self.target.partition("/")
        return addresses[server] + slash + path


AZURE_VERSION = "2024-10-21"

PLAIN = [
    Case("openai", "gpt-4o", "litellm/v1"),
    Case("openai", "gpt-35-turbo", "litellm/v1", api="completions"),
    Case("azure-openai", "gpt-4o", "litellm", api_version=AZURE_VERSION),
    Case("deepseek", "deepseek-chat", "litellm"),
    Case("anthropic", "claude-3-opus-20240229", "litellm"),
    Case("vertex-ai", "gemini-1.0-pro", "litellm", api_version="v1beta"),
    Case("openai", "gpt-4o", "aimock/v1"),
    Case("aws-bedrock", "amazon.nova-lite-v1:0", "aimock"),
]

STREAMED = [
    Case("openai", "relayed-gpt", "litellm/v1", stream=True),
    Case("openai", "relayed-gpt", "litellm/v1", api="completions", stream=True),
    Case("openai", "relayed-gpt", "litellm/v1", api="responses", stream=True),
    Case("azure-openai", "relayed-gpt", "litellm", api_version=AZURE_VERSION, stream=True),
    Case("deepseek", "relayed-deepseek", "litellm", stream=True),
    Case("anthropic", "relayed-claude", "litellm", stream=True),
    Case("vertex-ai", "relayed-gemini", "litellm", api_version="v1beta", stream=True),
]

FAILING = [
    Case("openai", "rate-limited", "litellm/v1", fails=True),
    Case("openai", "dead-upstream", "litellm/v1", fails=True),
    Case("openai", "rate-limited", "litellm/v1", stream=True, fails=True),
    # LiteLLM streams this one as a 200 without a single event: a failure that no SDK notices.
    Case("anthropic", "claude-3-opus-20240229", "litellm", stream=True, fails=True),
]

CASES = [*PLAIN, *STREAMED, *FAILING]
