"""Files that go with a mail: attached, or shown in its HTML; checked before it is accepted, encoded once."""

from io import BytesIO
from typing import Any

import dkim
import pytest
from django.contrib.auth.models import User
from django.core import mail as django_mail
from PIL import Image
from pytest_django import Settings

from jobs.artifacts import opener, store_upload
from jobs.conf import Conf
from jobs.errors import BadPayload
from jobs.lifecycle.submit import submit_job
from jobs.models import Job
from jobs.registry import KINDS
from jobs.review import Seen
from tests.engines.mail.keys import DOMAIN, ask_dns, rsa_signer
from tests.engines.mail.reading import file_name, read, shown
from tests.running import accept, run
from tests.smtp_script import ScriptedServer
from workers.engines.enclosures import show
from workers.engines.mail import transfer

pytestmark = pytest.mark.django_db
HTML = '<h1>Hello {{ name }}</h1><img src="cid:logo.png" alt="The mill">'
PDF = b"%PDF-1.7\x00\xff" * 1000


@pytest.fixture
def mill(mill: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """A mail server, and an installation that signs."""
    monkeypatch.setattr("workers.engines.mail.ours.signers_for", lambda domain: [rsa_signer()])
    settings.DEFAULT_FROM_EMAIL = f"The mill <mill@{DOMAIN}>"
    return mill


def picture(colour: str = "teal") -> bytes:
    made = BytesIO()
    Image.new("RGB", (8, 8), colour).save(made, "PNG")
    return made.getvalue()


def handed_in(owner: User, name: str, content: bytes | None = None) -> str:
    return str(store_upload(BytesIO(picture() if content is None else content), name=name, owner=owner).id)


def campaign(count: int = 2, **fields: Any) -> dict[str, Any]:
    listed = [{"to": f"guest{number}@example.org", "name": f"Guest {number}"} for number in range(count)]
    return {
        "recipients": listed,
        "subject": "Hello {{ name }}",
        "text": "Hello {{ name }}",
        "html": HTML,
    } | fields


def single(**fields: Any) -> dict[str, Any]:
    html = HTML.replace("{{ name }}", "Ada")
    return {"to": ["ada@example.org"], "subject": "Hello", "text": "Hello", "html": html} | fields


@pytest.mark.parametrize(("name", "asked"), [("email.campaign", campaign()), ("email.send", single())])
def test_files_and_pictures_stand_where_readers_look_for_them(
    name: str, asked: dict[str, Any], mill: ScriptedServer, alice: User
) -> None:
    kind = KINDS.find(name)
    files = {
        "images": [handed_in(alice, "logo.png")],
        "attachments": [handed_in(alice, "Grüße “x”.pdf", PDF)],
    }

    run(kind, accept(kind, asked | files, alice))

    content = mill.taken[0].content
    back = read(content)
    assert [part.get_content_type() for part in back.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html",
        "image/png", "application/pdf",
    ]  # fmt: skip
    *_, logo, bill = back.walk()
    assert f'src="cid:{logo["Content-ID"][1:-1]}"' in shown(back, "html")
    assert (logo.get_content_disposition(), logo.get_content()) == ("inline", picture())
    assert (bill.get_content_disposition(), bill.get_content()) == ("attachment", PDF)
    assert (file_name(logo), file_name(bill)) == ("logo.png", "Grüße “x”.pdf")
    assert dkim.verify(content, dnsfunc=ask_dns)


def test_each_language_has_the_pictures_that_it_shows(mill: ScriptedServer, alice: User) -> None:
    kind = KINDS.find("email.campaign")
    german = {"language": "de", "subject": "Hallo", "text": "Hallo", "html": '<img src="cid:wappen.png">'}
    asked = campaign(
        recipients=[
            {"to": "a@example.org", "name": "A"},
            {"to": "b@example.org", "values": {"language": "de"}},
        ],
        translations=[german],
        images=[handed_in(alice, "logo.png"), handed_in(alice, "wappen.png", picture("red"))],
    )

    run(kind, accept(kind, asked, alice))

    names = [
        [file_name(part) for part in read(taken.content).walk() if part["Content-ID"]] for taken in mill.taken
    ]
    assert names == [["logo.png"], ["wappen.png"]]


def test_what_all_share_is_encoded_once_and_copied_for_nobody(
    mill: ScriptedServer, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a recipient nor for a language; a worker would be busy and full with it."""
    kind = KINDS.find("email.campaign")
    german = {"language": "de", "subject": "Hallo", "text": "Hallo", "html": "<p>Hallo</p>"}
    bill = handed_in(alice, "bill.pdf", b"%PDF-1.7" + b"\x00" * 200_000)
    asked = campaign(30, html="<p>{{ name }}</p>", translations=[german], attachments=[bill])
    encoded: list[int] = []
    pieces: list[bytes] = []
    real = transfer.based

    def based(content: str | bytes) -> bytes:
        encoded.append(len(content))
        return real(content)

    def stuffed(piece: bytes) -> bytes:
        pieces.append(piece)
        return piece

    monkeypatch.setattr(transfer, "based", based)
    monkeypatch.setattr("workers.engines.smtp.mailer._stuffed", stuffed)

    run(kind, accept(kind, asked, alice))

    assert [size for size in encoded if size > 100_000] == [200_008]
    large = [piece for piece in pieces if len(piece) > 100_000]
    assert len(large) == 30
    assert len(set(map(id, large))) == 1, "one and the same piece of memory"
    assert len({taken.content.partition(b"JVBERi")[2] for taken in mill.taken}) == 1


@pytest.mark.parametrize(
    ("fields", "where", "why"),
    [
        (
            {"images": 0, "html": "<p>\n<img src='cid:none.png'>"},
            ("html",),
            "line 2 shows cid:none.png, and no image has that name",
        ),
        ({"html": "x"}, ("images", 0), "'logo.png' is shown nowhere; write <img src=\"cid:logo.png\"> into"),
        ({"images": 2}, ("images", 1), "'logo.png' is the name of no. 1 too; rename one"),
        ({"images": "note.txt"}, ("images", 0), "'note.txt' is text/plain; accepted: image/png"),
        ({"images": "logo.svg"}, ("images", 0), "accepted: image/png, image/jpeg, image/gif, image/webp"),
        ({"html": "<img src='cid:{{ name }}.png'>"}, (), "line 1: the picture after cid: is to be named"),
        (
            {"attachments": 3},
            ("attachments", 2),
            "'2.pdf' the files have 24.2 kB together; a mail carries 20 kB",
        ),
    ],
    ids=["missing", "unused", "twice", "text", "svg", "variable", "large"],
)
@pytest.mark.parametrize("name", ["email.campaign", "email.send"])
def test_what_does_not_fit_is_refused_with_its_place(
    name: str,
    fields: dict[str, Any],
    where: tuple[Any, ...],
    why: str,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.engines.enclosures.conf", lambda: Conf(attached_bytes=20 * 1024))
    contents = {"note.txt": b"Hello", "logo.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}
    images, attachments = fields.get("images", 1), fields.get("attachments", 0)
    files = {
        "images": [handed_in(alice, images, contents[images])]
        if isinstance(images, str)
        else [handed_in(alice, "logo.png") for _ in range(images)],
        "attachments": [handed_in(alice, f"{number}.pdf", PDF[:8250]) for number in range(attachments)],
    }
    asked = campaign() if name == "email.campaign" else single()

    with pytest.raises(BadPayload) as refused:
        submit_job(name, asked | fields | files, owner=alice)

    [problem] = refused.value.problems
    assert problem.where == where
    assert why in problem.why
    assert not Job.objects.exists()


def test_a_translation_that_shows_what_is_not_there_is_named(alice: User) -> None:
    german = {"language": "de", "subject": "Hallo", "text": "Hallo", "html": "<img src='cid:wappen.png'>"}

    with pytest.raises(BadPayload) as refused:
        submit_job("email.campaign", campaign(html="x", translations=[german]), owner=alice)

    assert [problem.where for problem in refused.value.problems] == [("translations", 0, "html")]


def test_another_backend_gets_the_files_as_it_knows_them(settings: Settings, alice: User) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    kind = KINDS.find("email.campaign")
    files = {"images": [handed_in(alice, "logö.png")], "attachments": [handed_in(alice, "bill.pdf", PDF)]}
    html = HTML.replace("logo.png", "log%C3%B6.png")

    run(kind, accept(kind, campaign(1, html=html, **files), alice))

    back = read(django_mail.outbox[0].message().as_bytes(linesep="\r\n"))
    logo, bill = [part for part in back.walk() if part.get_content_disposition()]
    assert (logo.get_content_disposition(), file_name(logo), logo.get_content()) == (
        "inline",
        "logö.png",
        picture(),
    )
    assert (bill.get_content_disposition(), bill.get_content()) == ("attachment", PDF)
    assert f'src="cid:{logo["Content-ID"][1:-1]}"' in shown(back, "html")


def test_a_picture_that_nobody_checked_stays_as_it_is() -> None:
    """Campaigns that were accepted before mail had pictures: they are sent, and not tried without end."""
    html = '<img src="cid:old"><td background="cid:logo.png"><img src="cid:logo.png"><img src="cid:older">'

    made = show(html, {"logo.png": "1@x"})

    assert made == (html.replace("logo.png", "1@x"), ["logo.png"])


def test_the_pages_know_what_goes_with_a_mail(alice: User) -> None:
    kind = KINDS.find("email.campaign")
    logo = handed_in(alice, "logo.png")
    payload = kind.validate(campaign(images=[logo], attachments=[handed_in(alice, "bill.pdf", PDF)]))
    assert kind.review

    sample = kind.review.sample(payload, opener(payload), 1, Seen())

    assert sample
    assert f'src="cid:{logo.replace("-", "")}"' in sample.html
    assert [(file.name, file.size) for file in sample.files] == [("bill.pdf", len(PDF))]
    assert [file.name for file in sample.pictures] == ["logo.png"]
