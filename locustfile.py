"""What Locust loads: a User class for each provider, and the harness around them."""

from harness.process.signals import end_at_once

end_at_once()  # the imports below take a second

from locust import events

from harness.harness import Harness
from providers.anthropic import Anthropic
from providers.azure_openai import AzureOpenAI
from providers.bedrock import Bedrock
from providers.deepseek import DeepSeek
from providers.openai import OpenAI
from providers.user import user_of, users_in
from providers.vertex_ai import VertexAI

# In the order of the menus; the first is the default with --mock.
OpenAIUser = user_of(OpenAI)
AnthropicUser = user_of(Anthropic)
AzureOpenAIUser = user_of(AzureOpenAI)
BedrockUser = user_of(Bedrock)
VertexAIUser = user_of(VertexAI)
DeepSeekUser = user_of(DeepSeek)

harness = Harness(users_in(vars()))

harness.listen(events)
