"""Which mail server, and how it is spoken to: from Django's settings."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.core.mail.utils import DNS_NAME

FINAL_FACTOR = 4
"""The answer to a whole message is waited for longer: given up too early, it leaves a recipient undecided."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server and the way to it; `seconds` is how long each of its answers is waited for."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    """TLS after a first hello; a server that does not offer it is not used."""
    tls: bool = False
    """TLS from the start."""
    verified: bool = True
    """Whether its certificate must be good for its name."""
    certificate: str = ""
    key: str = ""
    seconds: float = 30
    our_name: str = "localhost"

    @property
    def final_seconds(self) -> float:
        """How long the answer to a whole message is waited for."""
        return self.seconds * FINAL_FACTOR

    @property
    def address(self) -> str:
        """`host:port`, for people."""
        return f"{self.host}:{self.port}"


def configured() -> Server:
    """The server that EMAIL_URL, or another project's EMAIL_… settings, name."""
    return Server(
        host=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        user=settings.EMAIL_HOST_USER or "",
        password=settings.EMAIL_HOST_PASSWORD or "",
        starttls=bool(settings.EMAIL_USE_TLS),
        tls=bool(settings.EMAIL_USE_SSL),
        verified=not getattr(settings, "EMAIL_UNVERIFIED", False),
        certificate=settings.EMAIL_SSL_CERTFILE or "",
        key=settings.EMAIL_SSL_KEYFILE or "",
        seconds=settings.EMAIL_TIMEOUT or 30,
        our_name=str(DNS_NAME),
    )


@lru_cache(maxsize=4)
def context_for(verified: bool, certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer; certificates as the system trusts them, unless the installation does without."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context
