"""Which answers of a mail server mean that an address is dead, and which only that a mail did not go."""

import pytest

from jobs.mail.status import Status, is_dead, is_dead_by_reply, read_status

REPLIES = [
    # code, words, dead?
    (550, "5.1.1 <ada@example.org>: Recipient address rejected: User unknown", True),
    (550, "#5.1.1 no such user", True),
    (553, "5.1.2 bad destination system", True),
    (501, "5.1.3 bad address syntax", True),
    (550, "5.1.6 has moved", True),
    (556, "5.1.10 the domain takes no mail (null MX)", True),
    (550, "5.1.0 address rejected", True),
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
    assert not is_dead(None)
