"""Refuses Locust options with which a run would never end or never start."""

from harness.errors import UsageError
from harness.plan.plan import Plan
from harness.plan.values import Options
from providers.user import LLMUser


def check_tags(user_class: type[LLMUser], options: Options) -> None:
    """Raise `UsageError` for tags that leave the users nothing to do: Locust would start them anyway."""
    tags, excluded = (set(options.get(name) or ()) for name in ("tags", "exclude_tags"))
    if not any(_is_left(task, tags, excluded) for task in user_class.tasks):
        given = [f"--tags {' '.join(sorted(tags))}"] if tags else []
        given += [f"--exclude-tags {' '.join(sorted(excluded))}"] if excluded else []
        reason = " ".join(given) or "the class picker"
        raise UsageError(f"{reason} leaves {user_class.__name__} without a task")


def check_autoquit(plan: Plan, autoquit_s: int) -> None:
    """Raise `UsageError` for --autoquit with a run that never ends."""
    has_end = plan.calls or plan.load["run_time"] or (plan.schedule is not None and plan.schedule.has_end)
    if autoquit_s >= 0 and not has_end:
        raise UsageError("--autoquit needs a run that ends: give -i, -t or --rate-stages")


def _is_left(task: object, tags: set[str], excluded: set[str]) -> bool:
    """Return whether Locust keeps a task, or any task of a task set."""
    if hasattr(task, "tasks"):
        return any(_is_left(part, tags, excluded) for part in task.tasks)
    own: set[str] = getattr(task, "locust_tag_set", set())
    return not (tags and not own & tags) and not own & excluded
