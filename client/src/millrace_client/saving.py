"""Save a download: beside its name until it is whole, so that nobody takes half a file for all of it."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from millrace_client.errors import Damaged


@contextmanager
def saving(target: Path, sha256: str) -> Iterator[Callable[[bytes], None]]:
    """What takes the bytes, piece by piece. At the end they stand under their name; after an error, nothing.

    Raises Damaged if the bytes have another SHA-256; an empty one is not looked at. What is no file (a pipe,
    a device) is written to at once.
    """
    digest = hashlib.sha256()
    is_file = target.is_file() or not target.exists()
    place = Path(os.path.realpath(target))  # a link goes on leading to the file
    beside = place.with_name(f".{secrets.token_hex(8)}.part") if is_file else target
    try:
        with beside.open("xb" if is_file else "wb") as out:

            def take(piece: bytes) -> None:
                digest.update(piece)
                out.write(piece)

            yield take
        if sha256 and digest.hexdigest() != sha256:
            raise Damaged(f"What came for {target} is not the file that the server named: ask for it again.")
        if is_file:
            beside.replace(place)
    except BaseException:
        if is_file:
            beside.unlink(missing_ok=True)
        raise
