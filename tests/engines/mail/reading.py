"""A message read back by Python's own parser, which had no part in writing it."""

import re
from collections import Counter
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

SINGLE = {
    "from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type",
    "auto-submitted", "list-unsubscribe", "list-unsubscribe-post", "content-transfer-encoding",
}  # fmt: skip
ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")


def read(content: bytes) -> EmailMessage:
    """The message, after the checks that hold for every one of ours."""
    head, _, _ = content.partition(b"\r\n\r\n")
    assert not BARE.search(content), "only CRLF"
    assert content.endswith(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert all(len(word) <= 75 for word in ENCODED_WORD.findall(head))
    assert all(line.strip() for line in head.split(b"\r\n")), "no line of a header is blank"
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    names = Counter(name.lower() for name in message)
    assert {name for name, number in names.items() if number > 1} <= {"dkim-signature"}
    assert set(names) <= SINGLE | {"dkim-signature"}, "no header that nobody wrote"
    for part in message.walk():
        assert not part.defects
        assert not any(value.defects for _, value in part.items() if hasattr(value, "defects"))
    return message


def shown(message: EmailMessage, subtype: str) -> str:
    """The text as its reader sees it, with newlines."""
    body = message.get_body([subtype])
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def names(content: bytes, name: str = "To") -> list[tuple[str, str]]:
    """Address and name of everybody in a header.

    By the older of Python's parsers: the newer one of 3.11 puts blanks between encoded words of a name.
    """
    old = message_from_bytes(content, policy=policy.compat32)
    found = getaddresses([str(old[name])])
    return [(address, str(make_header(decode_header(shown)))) for shown, address in found]


def file_name(part: EmailMessage) -> str:
    """As it stands there: `get_filename` takes quotes and brackets off both ends."""
    return str(part["Content-Disposition"].params.get("filename", ""))
