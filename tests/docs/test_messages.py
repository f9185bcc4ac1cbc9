"""docs/messages holds mails as they leave; `WRITE_MESSAGES=on` writes them and their page anew."""

import os
from collections.abc import Iterator

import dkim
import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from tests.docs.messages import (
    DIFFERS,
    FOLDER,
    NAMES,
    PAGE,
    RECORDS,
    alike,
    block,
    look_up,
    made,
    opened,
    write_block,
)
from tests.engines.mail.keys import DOMAIN, ed25519_signer, rsa_signer
from tests.engines.mail.reading import file_name, read, shown
from tests.mail_settings import SMTP, point_at
from tests.smtp_script import ScriptedServer, scripted
from workers.engines.smtp import kept

every_message = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def mill(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setattr(
        "workers.engines.mail.ours.signers_for", lambda domain: [rsa_signer(), ed25519_signer()]
    )
    settings.PUBLIC_URL = f"https://mill.{DOMAIN}"
    settings.DEFAULT_FROM_EMAIL = f"The mill <mill@{DOMAIN}>"
    settings.EMAIL_BACKEND = SMTP
    with scripted() as server:
        point_at(server.port, settings)
        yield server
        kept.close_all()


@pytest.mark.django_db
def test_the_mails_that_are_kept_are_those_that_are_sent(mill: ScriptedServer, alice: User) -> None:
    found = made(mill, alice)
    if os.environ.get("WRITE_MESSAGES"):
        for name, content in found.items():
            (FOLDER / f"{name}.eml").write_bytes(content)
            write_block(name)
        records = [" ".join(signer.record) for signer in (rsa_signer(), ed25519_signer())]
        RECORDS.write_text("\n".join(records) + "\n")

    for name, content in found.items():
        assert alike(content) == alike((FOLDER / f"{name}.eml").read_bytes()), name


@every_message
def test_both_signatures_of_each_are_good(name: str) -> None:
    content = (FOLDER / f"{name}.eml").read_bytes()

    read(content)
    assert [dkim.verify(content, dnsfunc=look_up), dkim.DKIM(content).verify(1, dnsfunc=look_up)] == [
        True
    ] * 2
    assert not dkim.verify(content.replace(b"The mill", b"The mall", 1), dnsfunc=look_up)


def test_the_localised_one_has_its_picture_and_its_bill() -> None:
    message = read((FOLDER / "localised.eml").read_bytes())

    bill, picture = [part for part in message.walk() if part.get_content_disposition()][::-1]
    assert message["To"] == "Jürgen Groß <jurgen@example.org>"
    assert message["Subject"] == "Ihr Mehl ist fertig, Jürgen Groß"
    assert f'src="cid:{picture["Content-ID"][1:-1]}"' in shown(message, "html")
    assert file_name(bill) == "Rechnung für Herrn Groß.txt"
    assert "12 Säcke" in shown(message, "plain") and "12 Säcke" in shown(message, "html")


def test_the_campaign_can_be_left_with_one_click() -> None:
    message = opened((FOLDER / "campaign.eml").read_bytes())

    assert message["List-Unsubscribe"].startswith("<https://mill.example.org/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"][1:-1] in shown(message, "plain")
    assert "list-unsubscribe:list-unsubscribe-post" in "".join(message["DKIM-Signature"].split())


@every_message
def test_the_page_shows_their_source(name: str) -> None:
    assert f"<!-- {name}.eml -->\n{block(name)}\n" in PAGE.read_text()


def test_nothing_else_is_taken_for_a_difference() -> None:
    """Else two mails could differ in what matters."""
    content = (FOLDER / "campaign.eml").read_bytes()

    assert len(DIFFERS) == 7
    assert alike(content) != alike(content.replace(b"sacks", b"socks"))
    assert alike(content) != alike(content.replace(b"Post: List", b"Post: Lost"))
