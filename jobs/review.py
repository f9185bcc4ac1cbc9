"""A look at a payload before it is submitted: which lines of its list are bad, and what one item would get.

A kind that has a `review` gets a button on its form; the pages know no more about it than this.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, Protocol
from uuid import UUID


class Used(NamedTuple):
    """A file that a payload names, as far as it is known without being opened."""

    id: UUID
    name: str
    media_type: str
    size: int


class OpenFile(Protocol):
    """Opens a file that the payload names, and knows it."""

    def __call__(self, artifact: UUID, /) -> AbstractContextManager[IO[bytes]]: ...

    def about(self, artifact: UUID) -> Used:
        """What is known of it."""


At = tuple[int, ...]
"""A place in a list, as whoever reads it writes it down; empty for none."""


class Line(NamedTuple):
    """A line of a list: what it says, and why nothing can be done with it (empty: something can)."""

    number: int
    shown: str
    why: str = ""
    variant: str = ""
    """Which of several texts it gets: its language."""
    next: At = ()
    """Where reading could go on behind it; few lines say so."""
    is_end: bool = False
    """Whether nothing behind it was read, because too much before it is bad."""


class Mark(NamedTuple):
    """A place at which reading can go on, and how many lines, and good ones, come before it."""

    lines: int
    good: int
    at: At


@dataclass(frozen=True)
class Seen:
    """What the first reading of a list left, so that no later one has to begin at the beginning."""

    marks: Sequence[Mark] = ()
    bad: frozenset[int] | None = None
    """The places of the bad lines among all of them, from 1; None: nobody knows, so all is judged anew."""

    def before(self, place: int) -> Mark | None:
        """The last mark before the good line at that place."""
        if self.bad is None:
            return None
        found = bisect_left(self.marks, place, key=lambda mark: mark.good)
        return self.marks[found - 1] if found else None


class Sample(NamedTuple):
    """What one item of the list would get; `html` is empty where there is none.

    A picture of the payload's stands in the HTML as `cid:` and the 32 digits of its id.
    """

    line: int
    to: str
    subject: str
    text: str
    html: str = ""
    why_not: str = ""
    """Why it cannot be made for this one."""
    files: Sequence[Used] = ()
    """What goes with it."""
    pictures: Sequence[Used] = ()
    """What its HTML shows."""
    variant: str = ""
    """Which of several texts it is: its language."""


class Review(Protocol):
    """What a kind shows of a payload; every call raises BadPayload for a list that cannot be read."""

    def lines(self, payload: Any, open_file: OpenFile) -> Iterator[Line]:
        """Every line, good ones and bad ones, in their order."""

    def sample(self, payload: Any, open_file: OpenFile, place: int, seen: Seen) -> Sample | None:
        """What the good line at that place, counted from 1, would get; None where there is none."""

    def find(self, payload: Any, open_file: OpenFile, text: str, after: int, seen: Seen) -> int | None:
        """The place of the next good line behind `after` that has this text; of none, the first that has."""

    def warnings(self, payload: Any) -> Iterable[str]:
        """What somebody should know before it is sent, and may do all the same."""

    def left_out(self, payload: Any, owner: int, shown: Sequence[str]) -> int:
        """How many of these good lines would get nothing now, sent as this owner's (a user's id)."""

    def alone(self, payload: Any) -> str:
        """The one address to which it goes instead of the list; empty: it goes to all of them."""

    def trial(self, payload: Any, place: int, address: str) -> Mapping[str, Any]:
        """The payload of a job that sends what that line would get to this address, and nothing else."""
