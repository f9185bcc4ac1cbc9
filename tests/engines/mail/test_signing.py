"""The installation's keys: named in a setting, read from files, used for whom they may speak for."""

from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pytest_django import Settings

from core.checks import check_mail_keys
from workers.engines.mail import ours, signing
from workers.engines.mail.dkim import UnusableKey
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Recipient
from workers.engines.wording import Variant, letter


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    signing.read.cache_clear()
    yield
    signing.read.cache_clear()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "wheel.pem"
    private = Ed25519PrivateKey.generate()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_mail_of_our_domain_is_signed_and_other_mail_is_not(settings: Settings, key: Path) -> None:
    settings.DKIM_KEYS = [f"wheel@mill.example={key}"]
    records = dict(signer.record for signer in signing.read(tuple(settings.DKIM_KEYS)))
    written = []
    for sender in ("Mill <desk@mill.example>", "Mill <desk@news.mill.example>", "Mill <desk@other.example>"):
        settings.DEFAULT_FROM_EMAIL = sender
        form = Form(ours.letter("message", "Hello", {"text": "Hello"}))
        to = Recipient(mailbox=Mailbox("ada@example.org"), message_id="<1@mill.example>")
        written.append(form.fill(to).content)

    verified = [
        dkim.verify(content, dnsfunc=lambda name, timeout=0: records[name.decode().rstrip(".")].encode())
        for content in written[:2]
    ]
    assert verified == [True, True]
    assert b"DKIM-Signature" not in written[2]


@pytest.mark.parametrize("html", ["", "<p>Hello</p>"])
def test_a_campaign_is_signed_also_with_html_of_its_own(settings: Settings, key: Path, html: str) -> None:
    settings.DKIM_KEYS = [f"wheel@mill.example={key}"]
    settings.DEFAULT_FROM_EMAIL = "Mill <desk@mill.example>"

    made = letter(Variant(subject="Hello", text="Hello", html=html))

    assert [signer.signs("mill.example") for signer in signing.signers_for("mill.example")] == [True]
    assert made.signers == signing.signers_for("mill.example")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("wheel=/x", "is not selector@domain=path"),
        ("wheel@mill.example=/no/such/file", "cannot be read: No such file"),
        ("wheel@mill.example=/dev/null", "no private key"),
        ("Wheel@mill.example={key}", "selector 'Wheel' is no name"),
    ],
    ids=["form", "missing", "empty", "selector"],
)
def test_a_key_that_cannot_be_used_is_named_before_mail_is_sent(
    settings: Settings, key: Path, named: str, why: str
) -> None:
    settings.DKIM_KEYS = [named.format(key=key)]

    with pytest.raises(UnusableKey, match=why):
        signing.signers_for("mill.example")
    [found] = check_mail_keys()
    assert found.id == "millrace.E020"
    assert why in found.msg


def test_good_keys_and_none_pass_the_check(settings: Settings, key: Path) -> None:
    settings.DKIM_KEYS = []
    assert check_mail_keys() == []
    settings.DKIM_KEYS = [f"wheel@mill.example={key}"]
    assert check_mail_keys() == []
