"""Keys and other secrets: where they come from, and which values must never be shown."""

import os
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote
from urllib.request import getproxies_environment

from harness.errors import UsageError
from harness.plan.extra_body import named_secrets
from harness.plan.headers import LINE_VARIABLES, check_value
from providers.bedrock import aws_session
from providers.settings import Settings
from providers.vertex_ai import on_vertex

VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "azure-openai": "AZURE_OPENAI_API_KEY",
    "aws-bedrock": "AWS_BEARER_TOKEN_BEDROCK",
    "vertex-ai": "GOOGLE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
}
MOCK_KEY = "mock-key"

SENT_BY_SDKS = (
    "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_WEBHOOK_SECRET", "AZURE_OPENAI_AD_TOKEN",
    "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_WEBHOOK_SIGNING_KEY", "ANTHROPIC_WORKSPACE_ID",
    "GEMINI_API_KEY", "GOOGLE_CLOUD_QUOTA_PROJECT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
)  # fmt: skip
"""Other variables whose values the SDKs send or sign with."""


def find(provider: str, given: str | None, mock: bool) -> str | None:
    """Return a run's key: the given one, else the provider's variable. Raises `UsageError`.

    `None` means that the SDK finds credentials itself: AWS's to sign with, or Google's defaults (Vertex AI).
    """
    key = (given or os.environ.get(VARIABLES.get(provider, "")) or "").strip() or None
    if key and not all("!" <= character <= "~" for character in key):
        source = "-k or LLM_API_KEY" if given else VARIABLES[provider]
        raise UsageError(f"{source} contains characters that an HTTP header can't carry")
    if mock:
        return key or MOCK_KEY
    if key or (provider == "vertex-ai" and on_vertex()):
        return key
    if provider == "aws-bedrock":
        _demand_aws_credentials()
        return None
    raise UsageError(f"no API key for {provider}: set {VARIABLES[provider]}, LLM_API_KEY or -k")


def _demand_aws_credentials() -> None:
    credentials = aws_session().get_credentials()
    if credentials is None:
        raise UsageError(
            "no AWS credentials for aws-bedrock: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_BEARER_TOKEN_BEDROCK, or -k"
        )
    check_value("AWS_ACCESS_KEY_ID", credentials.access_key)
    check_value("AWS_SESSION_TOKEN", credentials.token or "")


def secrets_of(settings: Settings) -> list[str]:
    """Return a run's secrets: its key, the values of its headers and of its address's query, fields of its extra body
    that are named like a secret, and the AWS credentials it signs with."""
    values = [settings.api_key, *(value for _, value in settings.headers)]
    values += [settings.host_query, *_secrets_in(settings.host_query)]
    values += named_secrets(settings.extra_body)
    if settings.provider == "aws-bedrock" and (credentials := aws_session().get_credentials()):
        values += [credentials.access_key, credentials.secret_key, credentials.token]
    return [value for value in values if value]


def _secrets_in(query: str) -> list[str]:
    """Return a query's values, and its parameters without a value."""
    return [value or name for name, value in parse_qsl(query, keep_blank_values=True)]


def secrets_in_environment() -> Iterator[str]:
    """Yield the environment's secrets, whether or not the run sends them."""
    yield from filter(None, map(os.environ.get, (*VARIABLES.values(), *SENT_BY_SDKS)))
    for name in LINE_VARIABLES:
        yield from (line.partition(":")[2] for line in os.environ.get(name, "").splitlines())
    for url in getproxies_environment().values():
        yield from credentials_in(url)


def credentials_in(url: str) -> list[str]:
    """Return the password and `user:password` in a URL, or the user alone, each as written and percent-decoded."""
    userinfo, at, _ = url.rpartition("://")[2].rpartition("@")
    user, _, password = userinfo.partition(":")
    written = [userinfo, password] if password else [user]
    return [form for text in written if at for form in (text, unquote(text))]
