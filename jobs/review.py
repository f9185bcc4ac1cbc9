"""A look at a payload before it is submitted: which lines of its list are bad, and what one item would get.

A kind that has a `review` gets a button on its form; the pages know no more about it than this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
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


class Line(NamedTuple):
    """A line of a list: what it says, and why nothing can be done with it (empty: something can)."""

    number: int
    shown: str
    why: str = ""


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


class Review(Protocol):
    """What a kind shows of a payload; every call raises BadPayload for a list that cannot be read."""

    def lines(self, payload: Any, open_file: OpenFile) -> Iterator[Line]:
        """Every line, good ones and bad ones, in their order."""

    def sample(self, payload: Any, open_file: OpenFile, place: int) -> Sample | None:
        """What the good line at that place, counted from 1, would get; None where there is none."""

    def trial(self, payload: Any, place: int, address: str) -> Mapping[str, Any]:
        """The payload of a job that sends what that line would get to this address, and nothing else."""
