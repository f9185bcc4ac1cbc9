"""Lines out of bytes, and server-sent events out of lines: no more of them than the server sends."""

from __future__ import annotations

import json

from millrace_client.shapes import Event


class Lines:
    """Takes bytes, gives whole lines. Only LF ends one: U+2028 and its like may stand inside JSON."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, piece: bytes) -> list[str]:
        """The lines that end in this piece."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode().removesuffix("\r") for line in whole]


class Reader:
    """Takes lines, gives events; remembers the last id, to come back with."""

    def __init__(self, last: str | None = None) -> None:
        self.last = last
        self._name, self._id = "message", ""
        self._data: list[str] = []

    def take(self, line: str) -> Event | None:
        """The event that ends with this line, if one does."""
        if line:
            self._note(line)
            return None
        found = Event(self._name, self._id, json.loads("\n".join(self._data))) if self._data else None
        if found is not None and self._id:
            self.last = self._id
        self._name, self._id, self._data = "message", "", []
        return found

    def _note(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
