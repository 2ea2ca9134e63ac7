"""Azure OpenAI: OpenAI's API behind deployments. https://learn.microsoft.com/azure/ai-services/openai/reference"""

from typing import Any

from providers.openai import OpenAI
from providers.settings import Settings
from wire.exchange import Wire
from wire.httpx2_plug import client

DEFAULT_API_VERSION = "2024-10-21"


class AzureOpenAI(OpenAI):
    """Makes calls through openai's Azure client; the model is the deployment's name."""

    name = "azure-openai"
    key_variable = "AZURE_OPENAI_API_KEY"
    secret_variables = (*OpenAI.secret_variables, "AZURE_OPENAI_AD_TOKEN")
    models_path = None
    model_is_typed = True

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        import openai

        return openai.AzureOpenAI(
            azure_endpoint=settings.host,
            api_key=settings.api_key,
            api_version=settings.api_version or DEFAULT_API_VERSION,
            max_retries=0,
            timeout=None,
            http_client=client(wire),
        )
