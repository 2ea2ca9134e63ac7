"""Bounds of what boto3 asks for credentials: servers, commands and people."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

from providers.token_servers import OTHER_FORM, in_words, leave_turns, short_answer

NO_CODE = (
    "the profile's mfa_serial asks for a code, which can't be given here: put temporary credentials into the "
    "environment, as aws configure export-credentials --format env prints them"
)


class Command(subprocess.Popen[bytes]):
    """A `credential_process`, which ends with the wait for it: each call would leave one that hangs behind."""

    pid = 0

    def __init__(self, *args: Any, **more: Any) -> None:
        with self._ending():
            super().__init__(*args, **more)

    def communicate(self, *args: Any, **more: Any) -> Any:
        with self._ending():
            return super().communicate(*args, **more)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self.pid:
                self.kill()
            raise


@cache
def set_bounds() -> None:
    """Bound what all boto3 sessions ask, by replacing what botocore calls by name."""
    leave_turns()
    _bound_answers()
    _bound_commands()
    _refuse_prompts()
    _refuse_what_is_no_text()
    _tell_of_what_cannot_be_read()


def _bound_answers() -> None:
    """An answer of any length would fill the memory."""
    from botocore import awsrequest
    from urllib3 import HTTPResponse

    class Answer(awsrequest.AWSResponse):  # type: ignore[misc]  # botocore has no types
        @property
        def content(self) -> Any:
            if isinstance(self.raw, HTTPResponse) and self._content is None:  # type: ignore[has-type]  # as above
                self._content = b"".join(short_answer(self.raw, decodes=False))
            return super().content

    awsrequest.AWSResponse = Answer


def _bound_commands() -> None:
    from botocore import credentials

    class Process(credentials.ProcessProvider):  # type: ignore[misc]  # as above
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **{**more, "popen": Command})

    credentials.ProcessProvider = Process


def _refuse_prompts() -> None:
    """A prompt would hold up the whole process, which then couldn't even be interrupted."""
    from botocore import credentials
    from botocore.exceptions import RefreshWithMFAUnsupportedError

    class NoCode(RefreshWithMFAUnsupportedError):  # type: ignore[misc]  # as above
        fmt = NO_CODE

    def refuse(prompt: str) -> NoReturn:
        raise NoCode

    class AssumedRole(credentials.AssumeRoleProvider):  # type: ignore[misc]  # as above
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **{**more, "prompter": refuse})

    credentials.RefreshWithMFAUnsupportedError = NoCode
    credentials.AssumeRoleProvider = AssumedRole


def _refuse_what_is_no_text() -> None:
    """A server can send a key or a token that is a number or a list, which signing would fail at with words about
    neither."""
    from botocore import compat, credentials
    from botocore.exceptions import BotoCoreError

    class NoText(BotoCoreError):  # type: ignore[misc]  # as above
        fmt = "a key or a token that boto3 was given is not a text"

    class Texts(credentials.ReadOnlyCredentials):  # type: ignore[misc]  # as above
        def __new__(cls, *parts: object) -> Any:
            if not all(isinstance(part, str | None) for part in parts):
                raise NoText
            return super().__new__(cls, *parts)

    credentials.ReadOnlyCredentials = Texts
    compat.ensure_unicode = lambda content: content


def _tell_of_what_cannot_be_read() -> None:
    """A failure of Python's own in mid-run would say nothing of credentials, and count as the client's own."""
    from botocore import credentials
    from botocore.exceptions import BotoCoreError

    class Unreadable(BotoCoreError):  # type: ignore[misc]  # as above
        fmt = "{reason}"

    renew = credentials.RefreshableCredentials._protected_refresh

    def renew_or_tell(self: Any, *args: Any, **more: Any) -> None:
        try:
            renew(self, *args, **more)
        except OTHER_FORM as error:
            raise Unreadable(reason=in_words(error)) from error

    credentials.RefreshableCredentials._protected_refresh = renew_or_tell
