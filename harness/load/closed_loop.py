"""A closed loop: users take the next call as soon as they are free, until N calls are made."""

from collections.abc import Callable

from harness.load.conversations import Conversations
from providers.permit import Permit


class Budget:
    """Hands out the calls numbered 1 to `calls`, each exactly once; with `calls` `None` it never runs out.

    `per_permit` of them, one or two, are handed out together, and `calls` is a multiple of it.

    `on_spent` is called once, when the last call has ended.
    """

    def __init__(self, calls: int | None, on_spent: Callable[[], None], per_permit: int = 1) -> None:
        self._calls, self._on_spent, self._per_permit = calls, on_spent, per_permit
        self._begun = self._ended = 0
        self._returned: list[Permit] = []
        self._is_closed = False
        self._conversations = Conversations()

    def take(self, begins: bool = False) -> Permit | None:
        """Return the next permit; `None` when none are left.

        begins  whether it is to begin a conversation
        """
        if self._is_closed:
            return None
        if self._returned:
            return self._conversations.given(self._returned.pop(), begins)
        if self._begun == self._calls:
            return None
        permit = Permit(self._begun + 1, calls=self._per_permit)
        self._begun += self._per_permit
        return self._conversations.given(permit, begins)

    def when_ready(self, on_ready: Callable[[], None]) -> None:
        """Do nothing: a call can be taken at once, or never."""

    def take_back(self, permit: Permit) -> None:
        """Take back an unused permit; it is the next to be handed out."""
        self._returned.append(self._conversations.taken_from(permit))

    def end(self, number: int) -> None:
        """Count a call as ended, however it ended."""
        self._ended += 1
        if self._ended == self._calls:
            self._on_spent()

    def close(self) -> None:
        """Hand out no more permits: the run is over."""
        self._is_closed = True

    def withdraw(self, user: object) -> None:
        """Do nothing: no user ever waits here."""
