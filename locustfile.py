"""What Locust loads: the User classes of the six providers, and the harness around them."""

from harness.process.signals import end_at_once

end_at_once()  # What is imported from here on takes a second.

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
