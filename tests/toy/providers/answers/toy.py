"""What Toy answers: words, counts, and why it ended, in OpenAI's words."""

from collections.abc import Iterable

from providers.answers.content import counts_of, finished, reason_of, text_of
from providers.call import Answer, Delta, Json, Usage


def talk(body: Json) -> Answer:
    """Read a whole answer, or one event of a stream."""
    if "words" in body:
        yield Delta(text_of(body["words"]))
    if counts := counts_of(body.get("counts")):
        yield Usage(input_tokens=counts.get("in"), output_tokens=counts.get("out"), cached_tokens=counts.get("cached"))
    if reason := reason_of(body.get("ended")):
        yield from finished("toy", reason, body)


def talk_stream(bodies: Iterable[Json | Delta]) -> Answer:
    """Read a stream's events."""
    for body in bodies:
        if isinstance(body, Delta):
            yield body
        else:
            yield from talk(body)
