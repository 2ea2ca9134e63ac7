"""How many calls a run still has: exactly N, whatever the number of users."""

from collections.abc import Callable

from providers.permit import Permit


class Budget:
    """Gives out permits with the numbers 1 to `calls`, each once; `None` is a budget without end.

    `on_spent` is called once, when the last of them has ended.
    """

    def __init__(self, calls: int | None, on_spent: Callable[[], None]) -> None:
        self._calls, self._on_spent = calls, on_spent
        self._begun = self._ended = 0
        self._returned: list[Permit] = []
        self._is_closed = False

    def take(self) -> Permit | None:
        """Return the permit for the next call, `None` when there is none left."""
        if self._is_closed:
            return None
        if self._returned:
            return self._returned.pop()
        if self._begun == self._calls:
            return None
        self._begun += 1
        return Permit(self._begun)

    def take_back(self, permit: Permit) -> None:
        """A permit that was not used is the next to be taken."""
        self._returned.append(permit)

    def end(self, number: int) -> None:
        """A call that was taken has ended, in whatever way."""
        self._ended += 1
        if self._ended == self._calls:
            self._on_spent()

    def close(self) -> None:
        """Give out no more: the run is over."""
        self._is_closed = True

    def withdraw(self, user: object) -> None:
        """End the wait of a user: nobody waits here."""
