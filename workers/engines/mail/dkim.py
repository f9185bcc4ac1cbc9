"""DKIM signatures (RFC 6376, RSA-2048 and up; RFC 8463, Ed25519), relaxed/relaxed.

Bodies arrive hashed, because ours are written in relaxed form. Every header that a reader sees is signed
once more than it occurs, so that nobody can add a second one; List-Unsubscribe as RFC 8058 wants it.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from workers.engines.mail.header import FOLD

LEAST_BITS = 2048
BLANKS = re.compile(r"[ \t\r\n]+")
NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
ONCE_MORE = ("from", "to", "subject", "date", "message-id", "reply-to")
SIGNED = (
    "mime-version", "content-type", "content-transfer-encoding", "auto-submitted", "list-unsubscribe",
    "list-unsubscribe-post",
)  # fmt: skip
LINE_CHARACTERS = 72


class UnusableKey(ValueError):
    """A key, selector or domain that no signature can be made with."""


class DkimSigner:
    """Signs for one domain with one key."""

    def __init__(self, *, domain: str, selector: str, key: RSAPrivateKey | Ed25519PrivateKey) -> None:
        self.domain, self.selector = _name("domain", domain), _name("selector", selector)
        self._key = key
        if isinstance(key, RSAPrivateKey) and key.key_size < LEAST_BITS:
            raise UnusableKey(f"The DKIM key has {key.key_size} bits; use {LEAST_BITS} or more.")
        self.algorithm = "rsa-sha256" if isinstance(key, RSAPrivateKey) else "ed25519-sha256"

    @classmethod
    def from_pem(cls, pem: bytes, *, domain: str, selector: str) -> Self:
        """From a private key in PEM without a password; raises UnusableKey."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnusableKey(f"The DKIM key is no private key in PEM without a password: {error}") from None
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise UnusableKey("The DKIM key is neither RSA nor Ed25519.")
        return cls(domain=domain, selector=selector, key=key)

    @property
    def record(self) -> tuple[str, str]:
        """The name and the text of the DNS record that lets others verify."""
        public = self._key.public_key()
        if isinstance(self._key, RSAPrivateKey):
            kind, raw = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            kind, raw = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"{self.selector}._domainkey.{self.domain}", f"v=DKIM1; k={kind}; p={b64encode(raw).decode()}"

    def signs(self, domain: str) -> bool:
        """Whether it may speak for a sender of that domain (as DMARC sees it, relaxed)."""
        return domain == self.domain or domain.endswith(f".{self.domain}")

    def sign(self, headers: Sequence[str], body_hash: bytes, at: int) -> str:
        """The DKIM-Signature header for headers with their line ends; `at` in seconds since 1970."""
        relaxed = dict(map(_relaxed, headers))
        present = [name for name in ONCE_MORE + SIGNED if name in relaxed]
        # What is named once more than it is there counts as empty, and must stay away.
        names = _listed((*present, *ONCE_MORE))
        value = (
            f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain};{FOLD}s={self.selector}; t={at};"
            f"{FOLD}h={names};{FOLD}bh={b64encode(body_hash).decode()};{FOLD}b="
        )
        lines = [relaxed[name] for name in present]
        signed = "\r\n".join([*lines, _relaxed(f"DKIM-Signature: {value}")[1]])
        signature = b64encode(self._sign(signed.encode())).decode()
        return f"DKIM-Signature: {value}{_wrapped(signature)}\r\n"

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(hashlib.sha256(content).digest())


def _relaxed(header: str) -> tuple[str, str]:
    """A header's name in lower case, and the header as it is signed, without its line end."""
    name, _, value = header.partition(":")
    name = name.lower()
    return name, f"{name}:{BLANKS.sub(' ', value).strip()}"


@lru_cache(maxsize=32)
def _listed(names: tuple[str, ...]) -> str:
    """Names with colons between, on lines that are not too long."""
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) < LINE_CHARACTERS:
            lines[-1] += f":{name}"
        else:
            lines[-1] += ":"
            lines.append(name)
    return FOLD.join(lines)


def _wrapped(text: str) -> str:
    places = range(0, len(text), LINE_CHARACTERS)
    return FOLD.join(text[place : place + LINE_CHARACTERS] for place in places)


def _name(what: str, text: str) -> str:
    if not NAME.fullmatch(text):
        raise UnusableKey(f"The DKIM {what} {text!r} is no name like example.org, in small letters.")
    return text
