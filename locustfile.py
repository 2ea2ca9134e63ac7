"""What Locust loads: the six providers' User classes, and the harness around them."""

from harness.process.signals import end_at_once

end_at_once()  # the imports below take a second

from locust import events

from harness.harness import Harness
from providers.anthropic import AnthropicUser
from providers.azure_openai import AzureOpenAIUser
from providers.bedrock import BedrockUser
from providers.deepseek import DeepSeekUser
from providers.openai import OpenAIUser
from providers.vertex_ai import VertexAIUser

harness = Harness([OpenAIUser, AnthropicUser, AzureOpenAIUser, BedrockUser, VertexAIUser, DeepSeekUser])

harness.listen(events)
