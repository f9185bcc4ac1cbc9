"""Which address was there before, and in which line, for a million of them in 24 MB.

A set of texts would take five times that. Here are 64-bit hashes in an open table: that two addresses share
one, and the second is called a duplicate, happens in one of thirty million lists of a million.
"""

from __future__ import annotations

from array import array

FIRST_SLOTS = 1 << 12
FULL = 0.6


class Twins:
    """Addresses seen, each with its line."""

    def __init__(self) -> None:
        self._count = 0
        self._hashes = array("Q", bytes(8 * FIRST_SLOTS))
        self._lines = array("I", bytes(4 * FIRST_SLOTS))

    def line_of(self, address: str, line: int) -> int:
        """The line that had this address before; 0 if none had, and then this one does from now on.

        Capital letters are no difference: no provider gives `Ada@` and `ada@` to two people.
        """
        if self._count > FULL * len(self._hashes):
            self._grow()
        found = self._put(hash(address.lower()) & 0xFFFF_FFFF_FFFF_FFFF or 1, line)
        self._count += not found
        return found

    def _put(self, key: int, line: int) -> int:
        hashes, mask = self._hashes, len(self._hashes) - 1
        place = key & mask
        while seen := hashes[place]:
            if seen == key:
                return self._lines[place]
            place = (place + 1) & mask
        hashes[place], self._lines[place] = key, line
        return 0

    def _grow(self) -> None:
        before = zip(self._hashes, self._lines, strict=True)
        slots = 2 * len(self._hashes)
        self._hashes, self._lines = array("Q", bytes(8 * slots)), array("I", bytes(4 * slots))
        for key, line in before:
            if key:
                self._put(key, line)
