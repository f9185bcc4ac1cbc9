"""Which answers of a mail server mean that an address is dead, and which only that a mail did not go."""

import pytest

from jobs.mail.status import (
    Status,
    codes,
    is_dead,
    is_dead_by_reply,
    read_status,
    says_too_much,
    without_addresses,
)

REPLIES = [
    # code, words, dead?
    (550, "5.1.1 <ada@example.org>: Recipient address rejected: User unknown", True),
    (550, "#5.1.1 no such user", True),
    (553, "5.1.2 bad destination system", True),
    (501, "5.1.3 bad address syntax", False),
    (553, "5.1.4 ambiguous", False),
    (550, "5.1.6 has moved", True),
    (556, "5.1.10 the domain takes no mail (null MX)", True),
    (550, "5.1.0 address rejected", False),
    (550, "5.1.0 <no-reply@mill.example>: Sender address rejected: User unknown", False),
    (550, "5.1.1 <no-reply@mill.example>: Sender address rejected: undeliverable address", False),
    (550, "5.1.2 MAIL FROM domain does not exist", False),
    (550, "5.1.1 invalid return-path", False),
    (550, "5.1.1 <sender@example.org>: User unknown", True),
    (550, "5.1.5 destination address valid", False),
    (550, "5.1.7 bad sender's mailbox address", False),
    (550, "5.1.8 bad sender's system", False),
    (550, "5.1.9 relayed to a system that is not compliant", False),
    (550, "5.7.1 blocked by policy; see 5.1.1", False),
    (554, "5.7.26 not authenticated", False),
    (550, "5.2.1 mailbox disabled", False),
    (552, "5.2.2 mailbox full", False),
    (554, "5.4.4 no such host", False),
    (550, "no such user", False),
    (550, "the address 5.1.1 is quoted here only", False),
    (450, "4.1.1 try again", False),
    (450, "5.1.1 a put-off is no refusal", False),
    (550, "4.1.1 nor is this", False),
    (421, "4.7.0 go away for a while", False),
    (250, "2.1.5 fine", False),
    (550, "", False),
    (550, "5.1.1.1 is no code", False),
    (550, "15.1.1 is no code", False),
]


@pytest.mark.parametrize(
    ("code", "text", "dead"), REPLIES, ids=[f"{code} {text}"[:24] for code, text, _ in REPLIES]
)
def test_only_a_permanent_fault_of_the_address_calls_it_dead(code: int, text: str, dead: bool) -> None:
    assert is_dead_by_reply(code, text) is dead


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1", Status(5, 1, 1)),
        (" 5.1.1 (bad destination)", Status(5, 1, 1)),
        ("550 5.1.1 no such user", Status(5, 1, 1)),
        ("550-5.1.1 no such\n550 5.1.1 user", Status(5, 1, 1)),
        ("4.4.7", Status(4, 4, 7)),
        ("3.1.1", None),
        ("5.1", None),
        ("x 5.1.1", None),
    ],
    ids=["bare", "comment", "after-a-code", "many-lines", "delayed", "no-class", "two-numbers", "later"],
)
def test_a_code_is_read_where_it_belongs(text: str, status: Status | None) -> None:
    assert read_status(text) == status


def test_a_report_has_no_reply_of_its_own() -> None:
    assert is_dead(Status(5, 1, 1))
    assert not is_dead(Status(5, 7, 1))
    assert not is_dead(Status(5, 1, 1), words="Sender address rejected")
    assert not is_dead(None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (452, "Quota exceeded for user bob"),
        (452, "Quota exceeded: user bob has 5000 messages"),
        (452, "Over quota: the maximum number of messages is reached"),
        (452, "User bob has reached their messages quota"),
        (452, "Quota exceeded: 5000 messages sent to bob"),
        (452, "OverQuota: messages limit exceeded"),
        (452, "Quota exceeded: <daily@example.org> has 5000 messages"),
        (450, "mailbox size limit exceeded"),
        (452, "4.3.4 message size exceeds fixed limit"),
        (451, "4.3.0 virus scanner: number of archive levels exceeded"),
        (450, "4.7.25 Refused: maximum number of hops reached"),
        (450, "4.4.6 too many mail hops"),
        (451, "too many Received headers in messages"),
        (452, "4.2.2 The mailbox is over its rate limit"),
        (451, "too many messages in this mailbox"),
        (451, "4.7.1 Greylisted: too many connections, come back later"),
        (450, "4.2.1 <bob@example.org> is receiving mail too quickly"),
        (552, "5.7.0 sending rate exceeded"),
    ],
)
@pytest.mark.parametrize("of_message", [False, True], ids=["recipient", "message"])
def test_an_answer_about_one_mail_or_mailbox_is_not_too_much(code: int, text: str, of_message: bool) -> None:
    assert not says_too_much(code, text, is_of_message=of_message)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (450, "4.7.28 Unusual rate of mail"),
        (450, "4.7.28 The mailbox gets too much"),
        (451, "4.4.5 Congestion"),
        (454, "Throttling failure: Maximum sending rate exceeded."),
        (454, "Throttling failure: Daily message quota exceeded."),
        (452, "Quota exceeded: you sent too many messages"),
        (452, "Your sending quota is exceeded: 5000 messages"),
        (450, "Quota exceeded: 300 messages per hour"),
        (450, "4.7.1 Error: too much mail from 192.0.2.1"),
        (454, "Too many connections"),
        (452, "Too many concurrent SMTP connections"),
        (451, "4.7.0 Too many messages in this session"),
        (451, "Your hourly limit has been exceeded"),
        (451, "Domain has exceeded the max emails per hour (100)"),
        (451, "You are sending too fast"),
        (452, "Maximum number of messages reached"),
        (452, "mailbox.org: too many connections"),
        (451, "4.7.1 slow down"),
    ],
)
@pytest.mark.parametrize("of_message", [False, True], ids=["envelope", "message"])
def test_words_about_a_rate_or_many_mails_are_too_much(code: int, text: str, of_message: bool) -> None:
    assert says_too_much(code, text, is_of_message=of_message)


@pytest.mark.parametrize("text", ["4.7.500 Server busy", "4.5.3 Too many of them"])
def test_a_server_that_is_busy_with_one_message_says_nothing_of_others(text: str) -> None:
    assert says_too_much(451, text)
    assert not says_too_much(451, text, is_of_message=True)


def test_what_everybody_may_read_of_an_answer_names_nobody() -> None:
    said = "4.7.28 <alice@gmail.com> is receiving too much"

    assert codes(450, said) == "450 4.7.28"
    assert codes(421, "Go away, alice@gmail.com") == "421"
    assert without_addresses(f"No: 450 {said}") == "No: 450 4.7.28 <…> is receiving too much"
