"""After a 404: is it the model, or the address?"""

import pytest

from summary.render.hints import hint

MESSAGES = {
    "The model `x` does not exist": "model's name",
    "DeploymentNotFound: the API deployment does not exist": "model's name",
    "models/gemini-9 is not found for API version v1beta": "model's name",
    "Unknown path: /v1beta/models/gemini-9:generateContent": "base address",
    "no route for POST /openai/deployments/gpt-4o/chat/completions": "base address",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_path_that_names_a_model_is_an_address(message: str) -> None:
    assert MESSAGES[message] in (hint("404", message) or "")
