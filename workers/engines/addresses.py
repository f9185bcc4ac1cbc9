"""Mail addresses and header texts that can be put into a message without changing what the message says."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated
from unicodedata import normalize

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, Field

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Python's codec follows the older IDNA, which would send mail for straße.de to strasse.de.
DEVIATING = re.compile("[ßς\u200c\u200d]")
LOCAL_CHARACTERS = 64
ATOM = r"[\w!#$%&'*+/=?^`{|}~\u0080-\U0010ffff-]+"
LOCAL = re.compile(rf"{ATOM}(\.{ATOM})*")
"""What may stand before the @: letters of any script, which a server with SMTPUTF8 can carry."""


def check_header(text: str) -> str:
    """Text that fits one header line; a line break would let its author write headers of their own."""
    if CONTROL.search(text):
        raise ValueError("contains a line break or another control character; write it on one line")
    return text.strip()


def check_text(text: str) -> str:
    """Text of any number of lines."""
    if "\x00" in text:
        raise ValueError("contains a NUL character; remove it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_address(text: str) -> str:
    """One bare address, its domain in ASCII: `post@bücher.example` becomes `post@xn--bcher-kva.example`.

    Before the @ stays what was given; quotes and blanks there are refused, because too many programs are
    confused by them.
    """
    local, at, domain = check_header(text).rpartition("@")
    if not at:
        raise ValueError("is not a mail address; one looks like name@example.org")
    local = normalize("NFC", local)
    domain = check_domain(domain)
    if not (LOCAL.fullmatch(local) and local.isprintable()):
        raise ValueError("is not a mail address; one looks like name@example.org")
    if len(local.encode()) > LOCAL_CHARACTERS:
        raise ValueError(f"has more than {LOCAL_CHARACTERS} characters before the @")
    return f"{local}@{domain}"


@lru_cache(maxsize=1000)
def check_domain(domain: str) -> str:
    """The domain of an address, in ASCII; lists of recipients name the same few again and again."""
    domain = ascii_domain(domain)
    try:
        validate_email(f"a@{domain}")
    except ValidationError:
        raise ValueError("is not a mail address; one looks like name@example.org") from None
    return domain


def ascii_domain(domain: str) -> str:
    """The domain as mail servers know it."""
    try:
        return ".".join(_ascii_label(label) for label in domain.lower().split("."))
    except UnicodeError:
        raise ValueError(f"has a domain that cannot exist: {domain}") from None


def _ascii_label(label: str) -> str:
    if DEVIATING.search(label):
        return "xn--" + label.encode("punycode").decode()
    return label.encode("idna").decode()


Address = Annotated[
    str, AfterValidator(check_address), Field(max_length=254, json_schema_extra={"format": "email"})
]
"""A bare mail address."""

HeaderText = Annotated[str, AfterValidator(check_header), Field(min_length=1, max_length=200)]
"""One line, such as a subject or a person's name."""
