"""The settings of a User class, which `--config-users` and the web UI's form give to Locust: it checks none of them."""

from collections.abc import Collection

FIELDS = ("user_class_name", "weight", "fixed_count", "tasks", "host")

LARGEST = 10**9
"""Locust computes with weights as floats, which a number of 400 digits overflows."""


def refusal(given: object, classes: Collection[str]) -> str | None:
    """Return why Locust could start no users with these settings, or would never end."""
    if not isinstance(given, dict):
        return "the settings of a User class must be a JSON object"
    if hidden := sorted(set(given) - set(FIELDS)):
        return f"a User class has no setting {', '.join(map(repr, hidden))[:100]}"
    if not _is_count(given.get("weight", 1), least=1):
        return f"the weight must be a positive integer, at most {LARGEST:,}"
    if not _is_count(given.get("fixed_count", 0), least=0):
        return f"the fixed count must be 0 or a positive integer, at most {LARGEST:,}"
    if not isinstance(given.get("tasks", []), list):
        return "the tasks must be a list of names"
    name = given.get("user_class_name")
    known = ", ".join(classes)
    return None if isinstance(name, str) and name in classes else f"unknown User class {name!r}: choose from {known}"


def _is_count(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= LARGEST
