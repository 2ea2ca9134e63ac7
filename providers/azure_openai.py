"""Azure OpenAI: openai's API behind deployments. https://learn.microsoft.com/azure/ai-services/openai/reference"""

from typing import Any

from providers.openai import OpenAIUser
from providers.settings import Settings
from wire.exchange import Wire
from wire.httpx2_plug import client

DEFAULT_API_VERSION = "2024-10-21"


class AzureOpenAIUser(OpenAIUser):
    """Asks through openai's Azure client: the model's name is that of the deployment."""

    provider = "azure-openai"
    model_is_typed = True

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        from openai import AzureOpenAI

        return AzureOpenAI(
            azure_endpoint=settings.host,
            api_key=settings.api_key,
            api_version=settings.api_version or DEFAULT_API_VERSION,
            max_retries=0,
            timeout=None,
            http_client=client(wire),
        )
