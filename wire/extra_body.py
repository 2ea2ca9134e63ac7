"""The user's own fields, merged into every request's body. https://www.rfc-editor.org/rfc/rfc7396"""

from dataclasses import replace
from typing import Any

import orjson

from wire.exchange import Reply, Request, Wire


def patched(target: Any, patch: Any) -> Any:
    """Return the JSON value with the patch merged in: objects field by field; `None` removes a field."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = patched(merged.get(name), value)
    return merged


def patched_body(body: bytes, extra: dict[str, Any]) -> bytes:
    """Return a request's JSON body with the fields merged in."""
    return orjson.dumps(patched(orjson.loads(body), extra))


class WithExtraBody:
    """A wire that merges fields into each request's body, if it has one, and updates Content-Length."""

    def __init__(self, wire: Wire, extra: dict[str, Any]) -> None:
        self._wire, self._extra = wire, extra

    def send(self, request: Request) -> Reply:
        if not request.body:
            return self._wire.send(request)
        body = patched_body(request.body, self._extra)
        headers = [(name, value) for name, value in request.headers if name.lower() != "content-length"]
        length = ("Content-Length", str(len(body)))
        return self._wire.send(replace(request, body=body, headers=[*headers, length]))
