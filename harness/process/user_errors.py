"""What Locust shows of an exception that ended a user: on its page, in a CSV file, and sent to a master."""

from typing import Any

import locust_inside
from harness.secrets import Secrets


def redact(environment: Any, secrets: Secrets) -> None:
    """Take the secrets out of each exception before Locust's own listener, which was there first, is told of it."""

    def redact_text(exception: Exception, **_: Any) -> None:
        exception.args = tuple(secrets.redact(part) if isinstance(part, str) else part for part in exception.args)

    locust_inside.hear_of_user_errors_first(environment, redact_text)
