"""AWS Bedrock. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html"""

import os
from functools import cache
from typing import Any

import orjson

from providers import bedrock_families as families
from providers.call import Answer, Delta, Finish, Usage
from providers.settings import Settings
from providers.user import LLMUser
from wire.exchange import Wire
from wire.extra_headers import WithHeaders

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")


class BedrockUser(LLMUser):
    """Asks through boto3: `converse`, which is alike for all models, or `invoke_model`, which is not."""

    provider = "aws-bedrock"
    apis = ("chat", "completions")

    @staticmethod
    def connect(settings: Settings, wire: Wire) -> Any:
        from wire.botocore_plug import plug

        if settings.api_key:
            wire = WithHeaders(wire, (("Authorization", f"Bearer {settings.api_key}"),))
        client = aws_session().client(
            "bedrock-runtime", endpoint_url=settings.host, region_name=settings.region, config=_config(settings)
        )
        plug(client, wire, "bedrock-runtime")
        return client

    def on_start(self) -> None:
        super().on_start()
        asked = {"temperature": self.settings.temperature, "maxTokens": self.settings.max_tokens}
        self.inference = {name: value for name, value in asked.items() if value is not None}

    def chat(self, payload: str) -> Answer:
        body = self.client.converse(
            modelId=self.settings.model,
            messages=[{"role": "user", "content": [{"text": payload}]}],
            inferenceConfig=self.inference,
        )
        for block in body["output"]["message"]["content"]:
            if "reasoningContent" in block:
                yield Delta(block["reasoningContent"].get("reasoningText", {}).get("text", ""), reasoning=True)
            else:
                yield Delta(block.get("text", ""))
        usage = body.get("usage") or {}
        yield Usage(usage.get("inputTokens"), usage.get("outputTokens"))
        yield Finish(body["stopReason"])

    def completions(self, payload: str) -> Answer:
        family = families.of(self.settings.model)
        answer = self.client.invoke_model(
            modelId=self.settings.model,
            contentType="application/json",
            body=orjson.dumps(family.request(payload, self.settings.temperature, self.settings.max_tokens)),
        )
        yield from family.answer(orjson.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"])


@cache
def aws_session() -> Any:
    """Return the process's one session: a new one costs 160 ms and 8 MB."""
    from boto3 import Session

    return Session()


def _config(settings: Settings) -> Any:
    """One attempt, and no signature where a bearer key speaks instead."""
    from botocore import UNSIGNED
    from botocore.config import Config

    return Config(
        retries={"total_max_attempts": 1},
        signature_version=UNSIGNED if settings.api_key else None,
        parameter_validation=False,
    )
