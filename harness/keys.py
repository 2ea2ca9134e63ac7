"""Where a provider's key comes from."""

import os

from harness.errors import UsageError
from providers.bedrock import aws_session
from providers.settings import Settings
from providers.vertex_ai import on_vertex

VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "azure-openai": "AZURE_OPENAI_API_KEY",
    "vertex-ai": "GOOGLE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
}
MOCK_KEY = "mock-key"


def find(provider: str, given: str | None, mock: bool) -> str | None:
    """Return the key of a run: the given one, else the provider's variable. Raises `UsageError`.

    `None` is an answer too: then the SDK's own credentials sign (AWS), or Google's defaults do (Vertex AI).
    """
    key = (given or os.environ.get(VARIABLES.get(provider, "")) or "").strip() or None
    if key and not all("!" <= character <= "~" for character in key):
        raise UsageError(f"the API key for {provider} holds characters that no HTTP header can carry")
    if mock:
        return key or MOCK_KEY
    if key or (provider == "vertex-ai" and on_vertex()):
        return key
    if provider == "aws-bedrock":
        _demand_aws_credentials()
        return None
    raise UsageError(f"no API key for {provider}: set {VARIABLES[provider]}, LLM_API_KEY or -k")


def _demand_aws_credentials() -> None:
    if aws_session().get_credentials() is None:
        raise UsageError("no AWS credentials for aws-bedrock: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or -k")


def secrets_of(settings: Settings) -> list[str]:
    """Return what must never be seen of a run: its key, its headers' values, the AWS credentials that sign for it."""
    values = [settings.api_key, *(value for _, value in settings.headers)]
    if settings.provider == "aws-bedrock" and (credentials := aws_session().get_credentials()):
        values += [credentials.access_key, credentials.secret_key, credentials.token]
    return [value for value in values if value]
