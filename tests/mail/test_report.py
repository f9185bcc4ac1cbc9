"""Reading reports: what mail servers write is understood; all else ends as a sentence, and soon."""

import time
from base64 import b64encode
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import BadReport
from jobs.mail.report import MOST_BYTES, Action, read_report
from jobs.mail.status import Status
from tests.mail.letters import RETURNED, bounce, complaint, recipient, report

ID = "<one@example.org>"


def test_a_delivery_report_says_who_and_why() -> None:
    found = read_report(bounce(ID))

    assert found.message_id == ID
    [fate] = found.fates
    assert (fate.addresses, fate.action, fate.status, fate.code) == (
        ("ada@example.org",), Action.FAILED, Status(5, 1, 1), 550,
    )  # fmt: skip
    assert fate.words == "550 5.1.1 <ada@example.org>: User unknown"


def test_each_recipient_has_a_fate_of_its_own() -> None:
    found = read_report(
        bounce(
            ID,
            recipient("ada@example.org", original="post@example.org"),
            recipient(
                "bob@example.org", action="Delayed (for 4 h)", status="4.4.1 (no answer)", diagnostic=""
            ),
            recipient("eve@example.org", action="relayed", status="2.0.0", diagnostic=""),
        )
    )

    assert [(fate.addresses, fate.action.value) for fate in found.fates] == [
        (("post@example.org", "ada@example.org"), "failed"),
        (("bob@example.org",), "delayed"),
        (("eve@example.org",), "relayed"),
    ]
    assert found.fates[1].status == (4, 4, 1)


@pytest.mark.parametrize(
    ("status", "diagnostic", "read"),
    [
        ("5.0.0", "smtp; 550 5.1.1 no such user", (5, 1, 1)),
        ("5.0.0", "smtp; 550 no such user", (5, 0, 0)),
        ("", "smtp; 550 5.1.1 no such user", (5, 1, 1)),
        ("5.7.1", "smtp; 550 5.1.1 quoted", (5, 7, 1)),
        ("5.1.10 (null MX)", "", (5, 1, 10)),
        ("nonsense", "x-unix; user unknown", None),
    ],
    ids=["other-and-exact", "other-and-none", "none-and-exact", "two", "comment", "nothing"],
)
def test_the_servers_own_words_are_read_where_its_code_says_nothing(
    status: str, diagnostic: str, read: tuple[int, int, int] | None
) -> None:
    [fate] = read_report(bounce(ID, recipient(status=status, diagnostic=diagnostic))).fates

    assert fate.status == read


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "message/global-headers"])
def test_the_mail_may_be_returned_whole_or_its_headers_alone(returned: str) -> None:
    assert read_report(bounce(ID, returned=returned)).message_id == ID


@pytest.mark.parametrize(
    ("feedback", "action"),
    [
        ("abuse", Action.COMPLAINED),
        ("Abuse", Action.COMPLAINED),
        ("fraud", Action.COMPLAINED),
        ("opt-out", Action.COMPLAINED),
        ("virus", Action.REMARKED),
        ("other", Action.REMARKED),
        ("not-spam", Action.REMARKED),
        ("", Action.REMARKED),
    ],
    ids=lambda value: str(value) or "none",
)
def test_a_complaint_is_one_and_a_remark_is_none(feedback: str, action: Action) -> None:
    found = read_report(complaint(ID, feedback))

    assert found.message_id == ID
    assert [fate.action for fate in found.fates] == [action]


def test_what_pythons_own_writer_makes_is_read() -> None:
    message = BytesParser(policy=policy.SMTP).parsebytes(bounce(ID))
    assert isinstance(message, EmailMessage)

    assert read_report(message.as_bytes(policy=policy.SMTP)).message_id == ID


@pytest.mark.parametrize(
    "bend",
    [
        lambda raw: raw.replace(b"\r\n", b"\n"),
        lambda raw: b"From mailer-daemon Sat Aug  1 10:00:00 2026\n" + raw,
        lambda raw: b"Received: by mx\r\n" * 50 + raw,
        lambda raw: raw.replace(b'boundary="=_b"', b"boundary==_b"),
        lambda raw: raw.replace(b"--=_b\r\n", b"--=_b  \r\n"),
        lambda raw: raw.rpartition(b"--=_b--")[0],
        lambda raw: raw.replace(b"Action: failed", b"\r\nAction: failed").replace(b"Final", b"\r\n\r\nFinal"),
        lambda raw: raw.replace(b"us-ascii", b"x-no-such-charset").replace(b"sorry", b"sorry \xff\xfe"),
        lambda raw: raw.replace(b"multipart/report", b"MultiPart/Report"),
    ],
    ids=[
        "lf", "mbox", "headers", "bare-boundary", "blanks", "no-end", "stray-empty-lines", "charset", "case",
    ],
)  # fmt: skip
def test_bent_but_readable_ones_are_read(bend) -> None:
    bent = bend(bounce(ID))

    assert bent != bounce(ID)
    if b"\r\n\r\nAction" in bent:
        with pytest.raises(BadReport):  # a block torn apart says of nobody what became of them
            read_report(bent)
        return
    assert read_report(bent).message_id == ID


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_parts_may_be_encoded(encoding: str) -> None:
    machine = f"Reporting-MTA: dns; mx\r\n\r\n{recipient()}".encode()
    wrapped = (
        b64encode(machine) if encoding == "base64" else machine.replace(b"=", b"=3D").replace(b"5.", b"=35.")
    )
    raw = report(
        "delivery-status",
        f"message/delivery-status\nContent-Transfer-Encoding: {encoding}",
        wrapped.decode(),
        RETURNED.format(message_id=ID),
        returned="message/rfc822",
    )

    assert read_report(raw).fates[0].status == (5, 1, 1)


def test_of_many_parts_the_first_twenty_are_read() -> None:
    """Here the second part says what became of the mail, and the third returns it."""
    more = b"--=_b\r\n\r\nmore\r\n"
    raw = bounce(ID)

    assert read_report(raw.replace(b"--=_b\r\n", more * 17 + b"--=_b\r\n", 1)).message_id == ID
    with pytest.raises(BadReport, match="does not return"):
        read_report(raw.replace(b"--=_b\r\n", more * 18 + b"--=_b\r\n", 1))


REFUSED = {
    "empty": (b"", "no report"),
    "text": (b"Hello\r\n\r\nDear friends", "no report"),
    "vacation": (b"Content-Type: text/plain\r\nAuto-Submitted: auto-replied\r\n\r\nAway", "no report"),
    "mixed": (bounce(ID).replace(b"multipart/report", b"multipart/mixed"), "no report"),
    "no-boundary": (bounce(ID).replace(b"boundary", b"b"), "no part that a program could read"),
    "no-status": (bounce(ID).replace(b"message/delivery-status", b"text/plain"), "no part"),
    "no-recipient": (bounce(ID, "X: y"), "says of no recipient"),
    "no-action": (bounce(ID, recipient(action="pondered")), "says of no recipient"),
    "complained-about-in-a-bounce": (bounce(ID, recipient(action="complained")), "says of no recipient"),
    "no-address": (bounce(ID, recipient(final="nobody")), "says of no recipient"),
    "no-mail": (bounce(ID).replace(b"text/rfc822-headers", b"text/plain"), "does not return"),
    "no-message-id": (bounce(ID).replace(b"Message-ID: <one", b"X: <one"), "does not return"),
    "huge": (b"x" * (MOST_BYTES + 1), "larger than the 10 MB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_report_ends_as_a_sentence(name: str) -> None:
    raw, says = REFUSED[name]

    with pytest.raises(BadReport, match=says):
        read_report(raw)


def test_copies_of_a_report_are_one_and_two_reports_are_two() -> None:
    first = read_report(bounce(ID)).identity

    assert read_report(bounce(ID, headers=["Received: by another way"])).identity == first
    others = [
        bounce(ID, own_id="<2@mx.example.net>"),
        bounce("<two@example.org>"),
        bounce(ID, recipient(status="5.7.1")),
        complaint(ID),
    ]
    assert first not in {read_report(raw).identity for raw in others}


HOSTILE = {
    "nested": b"".join(
        b'Content-Type: multipart/report; boundary="%d"\r\n\r\n--%d\r\n' % (depth, depth)
        for depth in range(50_000)
    ),
    "many-parts": b'Content-Type: multipart/report; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 500_000,
    "many-headers": b"A: b\r\n" * 1_000_000,
    "long-header": b"Content-Type: multipart/report; boundary=" + b"b" * 5_000_000,
    "many-parameters": b"Content-Type: multipart/report" + b"; a=b" * 1_000_000,
    "open-quotes": b"Content-Type: multipart/report" + b'; a="\\' * 20_000 + b"\r\n\r\n",
    "empty-lines": b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"\r\n" * 2_000_000,
    "blanks": b"Content-Type:" + b" \r\n" * 1_000_000,
    "many-recipients": bounce(ID, *[recipient()] * 20_000),
    "empty-blocks": bounce(ID, *["\n \n"] * 500_000),
    "comments": bounce(ID, recipient(action="(" * 1_000_000)),
    "base64": bounce(ID).replace(b"status\r\n\r\n", b"status\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    + b"=" * 5_000_000,
    "nul": b"\0" * 5_000_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_shapes_end_soon(name: str) -> None:
    raw = HOSTILE[name]
    began = time.process_time()

    try:
        found = read_report(raw)
    except BadReport:
        pass
    else:
        assert len(found.fates) <= 1_000

    assert time.process_time() - began < 3


LINES = st.sampled_from(bounce(ID).split(b"\r\n") + complaint(ID).split(b"\r\n"))


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES | st.binary(max_size=40), max_size=60), st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_whatever_comes_is_a_report_or_a_sentence(lines: list[bytes], end: bytes) -> None:
    try:
        read_report(end.join(lines))
    except BadReport as error:
        assert str(error)
