"""Azure OpenAI: the API's version is in each target, as is the deployment if there is one."""

from providers.azure_openai import AzureOpenAI
from tests.cases.case import KEY, ProviderCase
from tests.cases.openai import STATUS_ERRORS, TROUBLE, chat, completions, responses

MODEL = "gpt-4o"
DEPLOYMENT, VERSION = f"/openai/deployments/{MODEL}", "?api-version=2024-10-21"
CASE = ProviderCase(
    provider=AzureOpenAI,
    model=MODEL,
    key_headers={"api-key": KEY},
    status_errors=STATUS_ERRORS,
    trouble=TROUBLE,
    apis={
        "chat": chat(f"{DEPLOYMENT}/chat/completions{VERSION}", MODEL),
        "completions": completions(f"{DEPLOYMENT}/completions{VERSION}", MODEL),
        "responses": responses(f"/openai/responses{VERSION}", MODEL),
    },
)
