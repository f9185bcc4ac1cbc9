"""Keys to sign with, made once for a process, and the DNS their public halves stand in."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from workers.engines.mail.dkim import DkimSigner

DOMAIN = "example.org"


@cache
def rsa_signer() -> DkimSigner:
    return DkimSigner(domain=DOMAIN, selector="mill", key=generate_private_key(65537, 2048))


@cache
def ed25519_signer() -> DkimSigner:
    return DkimSigner(domain=DOMAIN, selector="wheel", key=Ed25519PrivateKey.generate())


def ask_dns(name: bytes, timeout: float = 0) -> bytes | None:
    """What dkimpy asks for a TXT record."""
    known = dict(signer().record for signer in (rsa_signer, ed25519_signer))
    record = known.get(name.decode().rstrip("."))
    return record.encode() if record else None
