"""The numbers of conversations: which of a run's conversations a permit begins."""

from providers.permit import Permit


class Conversations:
    """Numbers a run's conversations from 1, in the order in which they begin. A number that comes back unused is the
    next to be given out."""

    def __init__(self) -> None:
        self._begun = 0
        self._returned: list[int] = []

    def given(self, permit: Permit, begins: bool) -> Permit:
        """Return the permit for a user that begins a conversation, or for any other user."""
        return permit._replace(conversation=self._next()) if begins else permit

    def taken_from(self, permit: Permit) -> Permit:
        """Return an unused permit for any user."""
        if permit.conversation is None:
            return permit
        self._returned.append(permit.conversation)
        self._returned.sort(reverse=True)
        return permit._replace(conversation=None)

    def _next(self) -> int:
        if self._returned:
            return self._returned.pop()
        self._begun += 1
        return self._begun
