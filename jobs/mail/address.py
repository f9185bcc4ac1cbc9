"""Mail addresses as they are compared: two that reach one mailbox are one.

The domain is compared as mail servers know it: in ASCII (A-labels) and lower case. The local part is kept as
it was given and compared without regard to case, in Unicode's composed form. Nothing else is folded: not the
dots, nor what follows a `+`, for only the mailbox's own server knows what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from unicodedata import normalize

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

T = TypeVar("T")

# Python's codec follows the older IDNA, which would send mail for straße.de to strasse.de.
DEVIATING = re.compile("[ßς\u200c\u200d]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
INTERNATIONAL = re.compile(r"[^\x00-\x7f]")
ADDRESS_BYTES, LOCAL_BYTES = 254, 64
EXAMPLE = "one looks like name@example.org"


def read_address(text: str) -> str:
    """One bare address, its domain in ASCII, its local part as given; raises ValueError saying why not."""
    local, at, domain = text.strip().rpartition("@")
    if CONTROL.search(text.strip()) or not at:
        raise ValueError(f"is not a mail address; {EXAMPLE}")
    address = f"{local}@{ascii_domain(domain)}"
    try:
        # Django knows no letters beyond ASCII before the @; servers with SMTPUTF8 do.
        validate_email(INTERNATIONAL.sub("x", address))
    except ValidationError:
        raise ValueError(f"is not a mail address; {EXAMPLE}") from None
    try:
        sizes = len(local.encode()), len(address.encode())
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair, which is no character") from None
    if sizes[0] > LOCAL_BYTES or sizes[1] > ADDRESS_BYTES:
        raise ValueError(
            f"is longer than mail servers carry: {LOCAL_BYTES} before the @, {ADDRESS_BYTES} in all"
        )
    return address


def key_of(address: str) -> str:
    """What an address is compared by; raises ValueError for a domain that cannot exist."""
    address = address.strip()
    if address.isascii():  # nearly all of a hundred thousand
        return address.lower()
    local, _, domain = address.rpartition("@")
    return f"{normalize('NFC', local).lower()}@{ascii_domain(domain)}"


def each_once(items: Iterable[T], address_of: Callable[[T], str]) -> list[T]:
    """Of those with one address the first; raises ValueError as `key_of` does."""
    first: dict[str, T] = {}
    for item in items:
        first.setdefault(key_of(address_of(item)), item)
    return list(first.values())


def ascii_domain(domain: str) -> str:
    """The domain as mail servers know it; raises ValueError for one that cannot exist."""
    try:
        return ".".join(_ascii_label(label) for label in domain.lower().split("."))
    except UnicodeError:
        raise ValueError(f"has a domain that cannot exist: {domain}") from None


def _ascii_label(label: str) -> str:
    if DEVIATING.search(label):
        return "xn--" + label.encode("punycode").decode()
    return label.encode("idna").decode()
