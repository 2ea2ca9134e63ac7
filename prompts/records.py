"""One record of a file of prompts, in any of the shapes that others' files have. Stdlib only."""

from collections.abc import Callable, Iterable
from typing import Any

from providers.prompt import Prompt, Turn, said
from seeds import Wrong

MOST_ID_CHARACTERS = 200
MOST_NAMES, MOST_NAME_CHARACTERS = 5, 30
LARGEST = 1e9

Conversation = tuple[str | None, tuple[Turn, ...]]
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
SPEAKERS = ROLES | {"human": "user", **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "model"), "assistant")}


def prompt_of(record: Any, file: str, number: int) -> Prompt | None:
    """Return a record's prompt; `None` for a conversation to skip. Raises `Wrong`.

    prompt, text   a single turn of the user's
    messages       OpenAI's: `role` and `content`; refused unless a user speaks
    conversations  ShareGPT's: `from` and `value`; begins with the first turn of the user's, skipped if there is none

    Of both, what follows the user's last turn is left out, and a system's messages come first. The field `system`,
    beside any of them, comes before those.
    """
    if not isinstance(record, dict):
        raise Wrong(f"expected an object, not {_kind(record)}")
    present = [name for name in record if record[name] is not None]
    given = [name for name in SHAPES if name in present]
    if len(given) != 1:
        raise Wrong(f"expected one of {', '.join(SHAPES)}; it has {_listed(given or present)}")
    system, turns = SHAPES[given[0]](record[given[0]], given[0])
    if not turns:
        return None
    system = _system(record, system)
    return Prompt(f"{file}#{_id(record, number)}", turns, system, _max_tokens(record), _at_s(record))


def _listed(names: Iterable[str]) -> str:
    """Return the first names, each shortened."""
    shown = [name[:MOST_NAME_CHARACTERS] for name in names]
    return ", ".join([*shown[:MOST_NAMES], *(["…"] if len(shown) > MOST_NAMES else [])]) or "none"


def _system(record: dict[str, Any], spoken: str | None) -> str | None:
    """Return the system's text: the field `system`, then what the messages say of it."""
    given = _joined(record.get("system"))
    own = None if given in (None, "") else _text(given, "system")
    return "\n\n".join(filter(None, (own, spoken))) or None


def _single(text: Any, name: str) -> Conversation:
    return None, said(_text(text, name))


def _messages(given: Any, name: str) -> Conversation:
    spoken = _spoken(given, name, ROLES, "role", "content")
    if not any(role == "user" for role, _ in spoken):
        raise Wrong(f"{name}: no message of the user's")
    return _conversation(spoken, name)


def _sharegpt(given: Any, name: str) -> Conversation:
    spoken = _spoken(given, name, SPEAKERS, "from", "value", may_be_empty=True)
    systems = [(role, text) for role, text in spoken if role == "system"]
    others = [(role, text) for role, text in spoken if role != "system"]
    first = next((at for at, (role, _) in enumerate(others) if role == "user"), len(others))
    if not all(text.strip() for _, text in others[first:]):
        return None, ()
    return _conversation([*systems, *others[first:]], name)


SHAPES: dict[str, Callable[[Any, str], Conversation]] = {
    "prompt": _single, "text": _single, "messages": _messages, "conversations": _sharegpt,
}  # fmt: skip


def _spoken(
    given: Any, name: str, roles: dict[str, str], who: str, what: str, may_be_empty: bool = False
) -> list[tuple[str, str]]:
    """Return who said what."""
    if not isinstance(given, list):
        raise Wrong(f"{name} must be an array, not {_kind(given)}")
    spoken = []
    for at, message in enumerate(given):
        if not isinstance(message, dict) or not isinstance(message.get(who), str):
            raise Wrong(f"{name}[{at}] must be an object with {who!r} and {what!r}")
        if message[who] not in roles:
            raise Wrong(f"{name}[{at}]: unknown {who} {message[who][:50]!r}: choose from {', '.join(roles)}")
        spoken.append((roles[message[who]], _text(_joined(message.get(what)), f"{name}[{at}].{what}", may_be_empty)))
    return spoken


def _conversation(spoken: list[tuple[str, str]], name: str) -> Conversation:
    """Return the system's text, and the turns up to the user's last."""
    systems = [text for role, text in spoken if role == "system"]
    if any(role == "system" for role, _ in spoken[len(systems) :]):
        raise Wrong(f"{name}: a system message must come before all others")
    last = max((at for at, (role, _) in enumerate(spoken) if role == "user"), default=-1)
    turns = [Turn("user" if role == "user" else "assistant", text) for role, text in spoken[len(systems) : last + 1]]
    return "\n\n".join(systems) or None, tuple(turns)


def _joined(content: Any) -> Any:
    """Return a content that consists of text parts, as OpenAI's can, as one text."""
    if not isinstance(content, list):
        return content
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else None
            raise Wrong(f"a part of the content is not text: {str(kind or _kind(part))[:50]!r}")
    return "\n\n".join(part["text"] for part in content)


def _text(value: Any, name: str, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{name} must be a text, not {_kind(value)}")
    if not value.strip() and not may_be_empty:
        raise Wrong(f"{name} is empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Wrong(f"{name} contains half of a character (a lone surrogate)") from None
    return value


def _id(record: dict[str, Any], number: int) -> str | int:
    given = record.get("id")
    if given is None:
        return number
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if len(name := _text(given, "id")) > MOST_ID_CHARACTERS:
        raise Wrong(f"id is longer than {MOST_ID_CHARACTERS} characters")
    return name


def _max_tokens(record: dict[str, Any]) -> int | None:
    given = record.get("max_tokens")
    is_count = isinstance(given, int) and not isinstance(given, bool)
    if given is not None and not (is_count and 1 <= given <= LARGEST):
        raise Wrong(f"max_tokens must be a positive integer, not {_shown(given)}")
    return given


def _at_s(record: dict[str, Any]) -> float | None:
    given = record.get("at")
    if given is None:
        return None
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not 0 <= given <= LARGEST:
        raise Wrong(f"at must be a number of seconds from 0 to {LARGEST:,.0f}, not {_shown(given)}")
    return float(given)


def _shown(value: Any) -> str:
    return repr(value)[:50] if isinstance(value, str | int | float) else _kind(value)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
