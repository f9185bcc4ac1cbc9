"""What people call the items of a kind, how one stands, and what it means to do one once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from jobs.states import ItemState


@dataclass(frozen=True, kw_only=True)
class ItemWords:
    """The words of a kind; those it leaves out fit any."""

    one: str = "item"
    many: str = "items"
    states: Mapping[str, str] = field(default_factory=dict)
    """By an item's state, where the ledger's word is not theirs: `done` mails are sent."""
    undone: str = "not done"
    """One that was still pending when its job ended, and waits for nothing."""
    doubt: str = "whether the work was done"
    """What nobody knows of an uncertain one."""
    again: str = "Do again"
    again_risk: str = "What was done already is done twice."
    leave_risk: str = "What was not done stays undone."
    twice: tuple[str, str] | None = None
    """What one, or several, that were done would get if the whole job were run as a new one; none where that
    reaches nobody outside. A page asks back with it."""
    returned: str = ""
    """What one is called about which a report came back; empty where none can."""
    reference: str = ""
    """What others know one by: a mail's Message-ID; empty where there is nothing."""
    reference_note: str = ""
    """What else people have to know about it; a page says it under the items."""
    reference_of: Callable[[UUID, int, Any], str] | None = None
    """The reference of an item, by its job, its id and what it was given."""

    def once_over(self) -> ItemWords:
        """The same for a job that is over."""
        return replace(self, states={**self.states, ItemState.PENDING: self.undone})

    def state(self, state: str) -> str:
        """What they call an item that stands so."""
        return self.states.get(state, state)

    def known_as(self, job: UUID, item: int, given: Any) -> str:
        """What others know that item by; empty for nothing."""
        return self.reference_of(job, item, given) if self.reference_of else ""

    def get_twice(self, number: int) -> str:
        """What so many would get by another run; empty where nobody need be asked."""
        return self.twice[number != 1] if self.twice else ""

    def count(self, number: int) -> str:
        """So many of them."""
        return f"{number:,} {self.one if number == 1 else self.many}"
