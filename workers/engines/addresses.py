"""Mail addresses and header texts that can be put into a message without changing what the message says."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated
from unicodedata import normalize

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, Field

from jobs.mail.address import CONTROL, EXAMPLE, LOCAL_BYTES, ascii_domain

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
        raise ValueError(f"is not a mail address; {EXAMPLE}")
    local = normalize("NFC", local)
    domain = check_domain(domain)
    if not (LOCAL.fullmatch(local) and local.isprintable()):
        raise ValueError(f"is not a mail address; {EXAMPLE}")
    if len(local.encode()) > LOCAL_BYTES:
        raise ValueError(f"has more than {LOCAL_BYTES} characters before the @")
    return f"{local}@{domain}"


@lru_cache(maxsize=1000)
def check_domain(domain: str) -> str:
    """The domain of an address, in ASCII; lists of recipients name the same few again and again."""
    domain = ascii_domain(domain)
    try:
        validate_email(f"a@{domain}")
    except ValidationError:
        raise ValueError(f"is not a mail address; {EXAMPLE}") from None
    return domain


Address = Annotated[
    str, AfterValidator(check_address), Field(max_length=254, json_schema_extra={"format": "email"})
]
"""A bare mail address."""

HeaderText = Annotated[str, AfterValidator(check_header), Field(min_length=1, max_length=200)]
"""One line, such as a subject or a person's name."""
