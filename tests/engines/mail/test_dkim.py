"""DKIM: what we sign, a library that is not ours verifies; what was changed on the way, it does not."""

from collections.abc import Sequence
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings

from tests.engines.mail.keys import ask_dns, ed25519_signer, rsa_signer
from tests.engines.mail.nasty import BODIES, bodies, texts
from tests.engines.mail.reading import read
from workers.engines.mail.dkim import DkimSigner, UnusableKey
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Letter, Recipient
from workers.engines.mail.mime import Attachment
from workers.engines.mail.pattern import fixed


def signed(*signers: DkimSigner, text: str = "Hello.", html: str | None = None, **fields: Any) -> bytes:
    letter = Letter(
        **{"sender": Mailbox("mill@example.org", "Mühle"), "subject": fixed("Hello"), "text": fixed(text)}
        | {"html": None if html is None else fixed(html), "signers": signers, **fields}
    )
    recipient = Recipient(
        mailbox=Mailbox("ada@example.org", "Ada"),
        message_id="<1.2@example.org>",
        unsubscribe="https://example.org/u",
    )
    return Form(letter).fill(recipient).content


def verified(content: bytes, signatures: int = 1) -> Sequence[bool]:
    found = []
    for place in range(signatures):
        try:
            found.append(dkim.DKIM(content).verify(idx=place, dnsfunc=ask_dns))
        except dkim.ValidationError:  # the body's hash is another
            found.append(False)
    return found


@pytest.mark.parametrize("text", BODIES, ids=ascii)
@pytest.mark.parametrize("is_rich", [True, False], ids=["html", "text"])
def test_both_keys_sign_what_another_library_verifies(text: str, is_rich: bool) -> None:
    content = signed(rsa_signer(), ed25519_signer(), text=text, html=text if is_rich else None)

    assert verified(content, 2) == [True, True]
    assert len(read(content).get_all("DKIM-Signature")) == 2


@settings(deadline=None, max_examples=50)
@given(subject=texts(), name=texts(), body=bodies())
def test_made_up_mails_verify(subject: str, name: str, body: str) -> None:
    content = signed(
        ed25519_signer(), subject=fixed(subject), text=body, html=body,
        sender=Mailbox("mill@example.org", name), attachments=[Attachment(name, b"x", "image/png")],
    )  # fmt: skip

    assert verified(content) == [True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: Hello", b"Subject: Hullo"),
        (b"Hello.", b"Hullo."),
        (b"To: Ada", b"To: Eve"),
        (b"/u>", b"/x>"),
        (b"\r\nFrom: ", b"\r\nFrom: eve@example.net\r\nFrom: "),
        (b"\r\nSubject: ", b"\r\nSubject: Buy\r\nSubject: "),
        (b"MIME-Version", b"Reply-To: eve@example.net\r\nMIME-Version"),
    ],
    ids=["subject", "body", "to", "unsubscribe", "second-from", "second-subject", "reply-to"],
)
def test_what_was_changed_on_the_way_does_not_verify(old: bytes, new: bytes) -> None:
    content = signed(rsa_signer())
    assert verified(content) == [True]
    assert old in content

    assert verified(content.replace(old, new, 1)) == [False]


def test_what_relays_may_change_still_verifies() -> None:
    """Blanks and folding in headers, trace headers on top, empty lines at the end."""
    content = signed(ed25519_signer())

    changed = (
        b"Received: from x by y\r\n" + content.replace(b"Subject: Hello", b"subject:   Hello  ") + b"\r\n\r\n"
    )

    assert verified(changed) == [True]


def test_a_key_is_read_from_a_file_and_says_what_belongs_into_the_dns() -> None:
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    signer = DkimSigner.from_pem(pem, domain="example.org", selector="mill")

    name, text = signer.record
    assert name == "mill._domainkey.example.org"
    assert text.startswith("v=DKIM1; k=rsa; p=MII")
    assert [signer.signs(domain) for domain in ("example.org", "a.example.org", "an-example.org", "org")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "no private key"),
        (
            generate_ec(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "neither RSA nor Ed25519",
        ),
        (
            generate_ec(SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
            ),
            "without a password",
        ),
        (
            generate_private_key(65537, 1024).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "1024 bits",
        ),
    ],
    ids=["empty", "broken", "other", "locked", "short"],
)
def test_a_key_that_nobody_would_trust_is_refused(pem: bytes, why: str) -> None:
    with pytest.raises(UnusableKey, match=why):
        DkimSigner.from_pem(pem, domain="example.org", selector="mill")


@pytest.mark.parametrize(
    "name", ["", "Example.org", "exa mple.org", "a;b", "-a", "a-", "a..b", "ü.org"], ids=ascii
)
def test_names_that_would_change_the_signature_are_refused(name: str) -> None:
    key = rsa_signer()._key
    with pytest.raises(UnusableKey, match="domain"):
        DkimSigner(domain=name, selector="mill", key=key)
    with pytest.raises(UnusableKey, match="selector"):
        DkimSigner(domain="example.org", selector=name, key=key)
