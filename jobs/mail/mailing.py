"""A job's mailing: whom of its recipients its owner may not write to, and what its mails carry.

What a kind that sends mail needs of this package, in one hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from uuid import UUID

from jobs.database import Database
from jobs.mail.suppression import Reply, look_up, suppress_dead
from jobs.mail.traffic import Traffic
from jobs.mail.unsubscribe import page_to_unsubscribe, unsubscribe_link
from jobs.models.suppression import Suppressed

TO_MANY: frozenset[Suppressed] = frozenset(Suppressed)
"""What keeps back a mail to a list."""
TO_ONE: frozenset[Suppressed] = TO_MANY - {Suppressed.UNSUBSCRIBED}
"""What keeps back any mail. Who left a list still gets what is meant for them alone: a receipt."""


class Mailing:
    """The recipients of one job, as far as its owner may mail them."""

    def __init__(self, job: UUID, attempt: int, owner: int, db: Database) -> None:
        self.traffic = Traffic(job, attempt, db)
        self._job = job
        self._owner = owner
        self._db = db

    def left_out(self, addresses: Iterable[str], reasons: Collection[Suppressed]) -> Mapping[str, Suppressed]:
        """Those, as they were given, who get nothing for one of these reasons, and which."""
        if not reasons:
            return {}
        found = look_up(self._owner, addresses, db=self._db)
        return {address: reason for address, reason in found.items() if reason in reasons}

    def link(self, address: str) -> str:
        """Where this recipient leaves the list; empty where there is no page for it."""
        return unsubscribe_link(self._owner, self._job, address, page=self._page)

    @cached_property
    def _page(self) -> str:
        return page_to_unsubscribe()

    def take_refusals(self, replies: Iterable[Reply]) -> None:
        """Suppress those whose address the mail server called dead."""
        suppress_dead(self._owner, self._job, replies, db=self._db)
