"""A look at a payload before it is submitted: which lines of its list are bad, and what one item would get.

A kind that has a `review` gets a button on its form; the pages know no more about it than this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, Any, NamedTuple, Protocol
from uuid import UUID

OpenFile = Callable[[UUID], AbstractContextManager[IO[bytes]]]
"""Opens a file that the payload names."""


class Line(NamedTuple):
    """A line of a list: what it says, and why nothing can be done with it (empty: something can)."""

    number: int
    shown: str
    why: str = ""


class Sample(NamedTuple):
    """What one item of the list would get; `html` is empty where there is none."""

    line: int
    to: str
    subject: str
    text: str
    html: str = ""
    why_not: str = ""
    """Why it cannot be made for this one."""


class Review(Protocol):
    """What a kind shows of a payload; every call raises BadPayload for a list that cannot be read."""

    def lines(self, payload: Any, open_file: OpenFile) -> Iterator[Line]:
        """Every line, good ones and bad ones, in their order."""

    def sample(self, payload: Any, open_file: OpenFile, place: int) -> Sample | None:
        """What the good line at that place, counted from 1, would get; None where there is none."""

    def trial(self, payload: Any, place: int, address: str) -> Mapping[str, Any]:
        """The payload of a job that sends what that line would get to this address, and nothing else."""
