"""email.campaign: every reader sees where to leave the list, and nobody but us says where that is."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from jobs.artifacts import opener
from jobs.errors import BadPayload
from jobs.lifecycle.submit import submit_job
from jobs.mail import mailing as mailing_module
from jobs.mail.suppression import look_up
from jobs.mail.unsubscribe import open_link
from jobs.models import Item
from jobs.registry import KINDS, Kind
from jobs.review import Seen
from tests.engines.mail.reading import read, shown
from tests.kinds.test_campaign import listed, mailing, to
from tests.running import accept, run
from tests.smtp_script import ScriptedServer

pytestmark = pytest.mark.django_db
BEGINS = "https://mill.example.org/unsubscribe/"


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.campaign")


@pytest.fixture(autouse=True)
def page(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://mill.example.org"


def mails(mill: ScriptedServer) -> list[tuple[str, str, str]]:
    """The link in the header, the text and the HTML of each."""
    back = [read(taken.content) for taken in mill.taken]
    return [
        (str(mail["List-Unsubscribe"] or "").strip("<>"), shown(mail, "plain"), shown(mail, "html"))
        for mail in back
    ]


def warnings(kind: Kind, payload: dict[str, Any]) -> list[str]:
    assert kind.review
    return list(kind.review.warnings(kind.validate(payload)))


def test_the_layout_shows_each_reader_their_own_link(kind: Kind, mill: ScriptedServer, alice: User) -> None:
    run(kind, accept(kind, mailing(2), alice))

    found = mails(mill)
    assert [open_link(link.removeprefix(BEGINS)).address for link, _, _ in found] == [to(0), to(1)]
    for link, text, html in found:
        assert text.endswith(f"\nUnsubscribe: {link}\n")
        assert f'<a href="{link}"' in html


def test_the_link_that_is_shown_takes_its_reader_off_the_list(
    kind: Kind, mill: ScriptedServer, alice: User
) -> None:
    run(kind, accept(kind, mailing(2), alice))

    link = mails(mill)[1][1].rpartition("Unsubscribe: ")[2].strip()
    Client(enforce_csrf_checks=True).post(link.removeprefix("https://mill.example.org"))

    assert set(look_up(alice.pk, [to(0), to(1)])) <= {to(1)}


def test_a_text_and_html_of_ones_own_name_it(kind: Kind, mill: ScriptedServer, alice: User) -> None:
    wording = {
        "text": "{% if unsubscribe_url %}Leave: {{ unsubscribe_url }}{% endif %}",
        "html": '<a href="{{ unsubscribe_url }}">Leave</a> {% if name %}<a href="{{ unsubscribe_url }}">x</a>'
        "{% endif %}",
    }

    run(kind, accept(kind, mailing(1, **wording), alice))

    [(link, text, html)] = mails(mill)
    assert text.strip() == f"Leave: {link}"
    assert html.strip() == f'<a href="{link}">Leave</a> <a href="{link}">x</a>'


def test_who_writes_it_into_the_text_does_not_get_it_twice(
    kind: Kind, mill: ScriptedServer, alice: User
) -> None:
    run(kind, accept(kind, mailing(1, text="Leave at {{ unsubscribe_url }}"), alice))

    [(link, text, html)] = mails(mill)
    assert text.startswith(f"Leave at {link}\n")
    assert (text.count(link), html.count(f'href="{link}"'), "Unsubscribe" in text + html) == (1, 1, False)


def test_without_a_page_it_stands_for_nothing(
    kind: Kind, mill: ScriptedServer, alice: User, settings: Settings
) -> None:
    settings.PUBLIC_URL = ""
    own = {"text": "Leave: {{ unsubscribe_url }}{{ unsubscribe_url|upper }}.", "html": ""}

    run(kind, accept(kind, mailing(1, **own), alice))
    run(kind, accept(kind, mailing(1), alice))
    run(kind, accept(kind, mailing(1, html='<a href="{{ unsubscribe_url }}">Leave</a>'), alice))

    first, second, third = mails(mill)
    assert first[:2] == ("", "Leave: .\n\n-- \nSent by Millrace, a machine that keeps its word.\n")
    assert "nsubscribe" not in second[1] + second[2]
    assert third[2].strip() == '<a href="#">Leave</a>'
    assert "PUBLIC_URL" in warnings(kind, mailing(1, **own))[0]
    assert warnings(kind, mailing(1)) == []


def test_it_is_signed_once_for_each_mail(
    kind: Kind, mill: ScriptedServer, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, signed = mailing_module.unsubscribe_link, []

    def sign(owner: int, job: UUID, address: str, **more: Any) -> str:
        signed.append(address)
        return real(owner, job, address, **more)

    monkeypatch.setattr(mailing_module, "unsubscribe_link", sign)

    run(kind, accept(kind, mailing(2, text="{{ unsubscribe_url }} {{ unsubscribe_url|upper }}"), alice))

    assert signed == [to(0), to(1)]


@pytest.mark.parametrize(
    "content",
    [
        "email,unsubscribe_url\nada@example.org,https://evil.example\n",
        '[{"email": "a@b.example", "unsubscribe_url": 1}]',
    ],
    ids=["csv", "json"],
)
def test_no_list_can_say_where_the_link_leads(kind: Kind, alice: User, content: str) -> None:
    with pytest.raises(BadPayload, match="unsubscribe_url is the link that each mail gets"):
        submit_job(kind.name, listed(alice, content, subject="Hi", text="Hi"), owner=alice)


def test_no_payload_can_say_where_the_link_leads(kind: Kind, alice: User) -> None:
    values = [{"to": to(0), "values": {"unsubscribe_url": "https://evil.example"}}]

    with pytest.raises(BadPayload, match="unsubscribe_url is the link that each mail gets"):
        submit_job(kind.name, mailing(recipients=values, text="Hi", subject="Hi"), owner=alice)


def test_what_the_ledger_says_does_not_change_the_link(kind: Kind, mill: ScriptedServer, alice: User) -> None:
    """A job that was accepted when such a column was one like any other."""
    job = accept(kind, mailing(1), alice)
    given = Item.objects.get().given
    Item.objects.update(given={"values": given["values"] | {"unsubscribe_url": "https://evil.example"}})

    run(kind, job)

    [(link, text, html)] = mails(mill)
    assert link in text
    assert "evil" not in text + html


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "{{ unsubscribe_url }}"},
        {"button": "{{ unsubscribe_url }}", "link": "https://example.org"},
        {"button": "Leave", "link": "https://example.org/{{ unsubscribe_url }}"},
    ],
    ids=["subject", "button", "link"],
)
def test_it_belongs_into_the_text(kind: Kind, fields: dict[str, str]) -> None:
    with pytest.raises(BadPayload, match="unsubscribe_url belongs into the text or the HTML"):
        kind.validate(mailing(1, **fields))


def test_the_preview_shows_a_link_that_ends_nobodys_mails(kind: Kind, alice: User) -> None:
    payload = kind.validate(mailing(1))
    assert kind.review

    sample = kind.review.sample(payload, opener(payload), 1, Seen())

    assert sample
    assert sample.text.endswith(f"Unsubscribe: {BEGINS}whoever-gets-it")
    assert f'<a href="{BEGINS}whoever-gets-it"' in sample.html
    assert Client().post("/unsubscribe/whoever-gets-it").status_code == 404


def test_a_line_is_judged_with_the_link_in_its_text(kind: Kind, alice: User) -> None:
    """What is too long with it is told before anything is sent, not by a mail that cannot be written."""
    many = "{% for one in rows %}{{ unsubscribe_url }}" + "x" * 1_000 + "{% endfor %}"
    rows = '[{"email": "ada@example.org", "rows": [' + ",".join("1" * 970) + "]}]"

    with pytest.raises(BadPayload, match="makes the text too long"):
        submit_job(kind.name, listed(alice, rows, subject="Hi", text=many), owner=alice)


def test_html_without_the_link_is_warned_of(kind: Kind) -> None:
    english = {"html": "<p>Hello</p>", "language": "en"}
    german = {"language": "de", "subject": "Hallo", "text": "Hallo", "html": "<p>Hallo</p>"}
    link = '<a href="{{ unsubscribe_url }}">'

    assert warnings(kind, mailing(1)) == []
    assert warnings(kind, mailing(1, html=link)) == []
    assert warnings(kind, mailing(1, html="<p>Hello</p>", text="{{ unsubscribe_url }}")) == []
    [one] = warnings(kind, mailing(1, html="<p>Hello</p>"))
    [both] = warnings(kind, mailing(1, **english, translations=[german]))
    [other] = warnings(kind, mailing(1, **english | {"html": link}, translations=[german]))
    assert one.startswith("Neither the HTML nor the text has a link to unsubscribe.")
    assert both.startswith("Neither the HTML nor the text (en, de) has a link")
    assert other.startswith("Neither the HTML nor the text (de) has a link")
