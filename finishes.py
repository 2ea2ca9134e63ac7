"""Why answers end: which finish reasons mean a finished answer, and which mean that the provider failed. Stdlib only.

Providers judge answers by this table, and the summary counts reasons by it. Case is ignored. Gateways pass on the
reasons of the provider behind them, so a reason that one API does not document means what it means in another that
does. One that no API documents counts as a finish, because the provider did report that its answer is complete; the
summary lists it as unknown.
"""

from typing import Literal, NamedTuple

Meaning = Literal["finish", "failure", "unknown"]


class Reasons(NamedTuple):
    """An API's reasons, separated by spaces.

    natural   the model ended its answer of its own accord
    finishes  the answer was finished for another reason
    failures  it failed
    """

    natural: str
    finishes: str
    failures: str = ""


TABLE = {
    # https://platform.openai.com/docs/api-reference/chat/object, Azure, DeepSeek, OpenRouter, Mistral, Groq, vLLM
    # (abort), SGLang (abort), TGI (eos_token), Z.ai (sensitive, network_error), TensorRT-LLM (cancelled, timeout)
    "openai": Reasons(
        "stop eos eos_token",
        "length tool_calls function_call content_filter stop_sequence model_length max_tokens sensitive repetition",
        "error abort aborted insufficient_system_resource network_error cancelled canceled timeout failed "
        "internal_error server_error overloaded",
    ),
    # https://platform.openai.com/docs/api-reference/responses/object: the status, or the reason of an incomplete one
    "responses": Reasons("completed", "incomplete max_output_tokens content_filter", "failed cancelled"),
    # https://docs.anthropic.com/en/api/messages#response-stop-reason
    "anthropic": Reasons(
        "end_turn",
        "max_tokens stop_sequence tool_use pause_turn refusal model_context_window_exceeded compaction",
    ),
    # https://ai.google.dev/api/generate-content#FinishReason. A malformed call is the model's doing, so it is finished;
    # OTHER leaves the reason open, and does not mean that anything failed.
    "gemini": Reasons(
        "STOP",
        "MAX_TOKENS SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII MALFORMED_FUNCTION_CALL "
        "MALFORMED_RESPONSE IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_OTHER IMAGE_RECITATION NO_IMAGE "
        "UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE MODEL_ARMOR",
    ),
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    "converse": Reasons(
        "end_turn",
        "tool_use max_tokens stop_sequence guardrail_intervened content_filtered malformed_model_output "
        "malformed_tool_use model_context_window_exceeded",
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html: Llama, Cohere, AI21, Titan
    "invoke": Reasons(
        "stop COMPLETE endoftext FINISH",
        "length MAX_TOKENS STOP_SEQUENCE TOOL_CALL FINISHED STOP_CRITERIA_MET CONTENT_FILTERED "
        "RAG_QUERY_WHEN_RAG_DISABLED",
        "ERROR ERROR_TOXIC ERROR_LIMIT USER_CANCEL TIMEOUT",
    ),
}

NO_REASON = frozenset({"finish_reason_unspecified", "null", "none"})
"""What a protocol sends when no reason was set, or a server that sends null as a string: not a finish."""


def meaning(api: str, reason: str) -> Meaning:
    """Return what a reason means in an answer of this API. One without a row in `TABLE` has no reasons of its own."""
    word = reason.lower()
    for listed in (_WORDS.get(api, _NO_WORDS), *_WORDS.values()):
        if word in listed.finishes:
            return "finish"
        if word in listed.failures:
            return "failure"
    return "unknown"


def is_known(reason: str) -> bool:
    """Return whether any API documents a reason."""
    word = reason.lower()
    return any(word in listed.finishes or word in listed.failures for listed in _WORDS.values())


def is_natural(reason: str) -> bool:
    """Return whether the model ended its answer of its own accord, as some API says it."""
    return any(reason.lower() in listed.natural for listed in _WORDS.values())


class _Words(NamedTuple):
    natural: frozenset[str]
    finishes: frozenset[str]
    failures: frozenset[str]


def _words(reasons: Reasons) -> _Words:
    natural, others, failures = (frozenset(each.lower().split()) for each in reasons)
    return _Words(natural, natural | others, failures)


_NO_WORDS = _words(Reasons("", ""))
_WORDS = {api: _words(reasons) for api, reasons in TABLE.items()}
