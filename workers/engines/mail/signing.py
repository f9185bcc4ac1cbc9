"""The keys that this installation signs with: DKIM_KEYS, read once in each process.

Who has none does without the cryptography behind them, 8 MB of memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from workers.engines.mail.dkim import DkimSigner

KEY = re.compile(r"(?P<selector>[^@=]+)@(?P<domain>[^@=]+)=(?P<path>.+)")


def signers_for(domain: str) -> list[DkimSigner]:
    """Who signs mail of senders of that domain; raises UnusableKey."""
    named = tuple(getattr(settings, "DKIM_KEYS", ()))
    return [signer for signer in read(named) if signer.signs(domain)]


@lru_cache(maxsize=4)
def read(named: Sequence[str]) -> tuple[DkimSigner, ...]:
    """The keys named as `selector@domain=path of a PEM file`; raises UnusableKey."""
    return tuple(map(_read, named))


def _read(named: str) -> DkimSigner:
    from workers.engines.mail.dkim import DkimSigner, UnusableKey

    found = KEY.fullmatch(named)
    if found is None:
        raise UnusableKey(f"DKIM_KEYS: {named!r} is not selector@domain=path.")
    try:
        pem = Path(found["path"]).read_bytes()
    except OSError as error:
        raise UnusableKey(f"DKIM_KEYS: {found['path']} cannot be read: {error.strerror}.") from None
    try:
        return DkimSigner.from_pem(pem, domain=found["domain"], selector=found["selector"])
    except UnusableKey as error:
        raise UnusableKey(f"DKIM_KEYS: {found['path']}: {error}") from None
