"""Exceptions that ended a user: Locust shows them in the web UI and a CSV file, and sends them to the master."""

from locust.env import Environment

import locust_inside
from harness.secrets import Secrets


def redact(environment: Environment, secrets: Secrets) -> None:
    """Remove the secrets from each exception before Locust's own listener, which was registered first, sees it."""

    def redact_text(exception: Exception, **_: object) -> None:
        exception.args = tuple(secrets.redact(part) if isinstance(part, str) else part for part in exception.args)

    locust_inside.hear_of_user_errors_first(environment, redact_text)
