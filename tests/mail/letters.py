"""Reports as mail servers write them, with holes for what a test is about."""

from collections.abc import Sequence

RETURNED = """\
From: Millrace <millrace@example.org>
To: ada@example.org
Subject: The mill is running
Message-ID: {message_id}
"""


def recipient(
    final: str = "ada@example.org",
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <ada@example.org>: User unknown",
    original: str = "",
) -> str:
    """One recipient's block of a delivery report."""
    lines = [f"Original-Recipient: rfc822; {original}"] if original else []
    lines += [f"Final-Recipient: rfc822; {final}", f"Action: {action}", f"Status: {status}"]
    return "\n".join([*lines, f"Diagnostic-Code: {diagnostic}"] if diagnostic else lines)


def bounce(
    message_id: str,
    *recipients: str,
    returned: str = "text/rfc822-headers",
    own_id: str = "<1@mx.example.net>",
    headers: Sequence[str] = (),
) -> bytes:
    """A delivery report (RFC 3464)."""
    return report(
        "delivery-status",
        "message/delivery-status",
        "Reporting-MTA: dns; mx.example.net\nArrival-Date: Sat, 1 Aug 2026 10:00:00 +0000\n\n"
        + "\n\n".join(recipients or [recipient()]),
        RETURNED.format(message_id=message_id),
        returned=returned,
        own_id=own_id,
        headers=headers,
    )


def complaint(message_id: str, feedback: str = "abuse", **more: str) -> bytes:
    """A report that somebody complained (RFC 5965)."""
    return report(
        "feedback-report",
        "message/feedback-report",
        f"Feedback-Type: {feedback}\nUser-Agent: Some/1.0\nVersion: 1\nOriginal-Rcpt-To: <redacted>",
        RETURNED.format(message_id=message_id),
        returned="message/rfc822",
        **more,
    )


def report(
    sort: str,
    media_type: str,
    machine: str,
    mail: str,
    *,
    returned: str,
    own_id: str = "<1@mx.example.net>",
    headers: Sequence[str] = (),
) -> bytes:
    lines = [
        *headers,
        "From: Mail Delivery System <mailer-daemon@mx.example.net>",
        "To: millrace@example.org",
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: {own_id}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={sort};\n\tboundary="=_b"',
        "",
        "This is a MIME message.",
        "--=_b",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "We are sorry.",
        "--=_b",
        f"Content-Type: {media_type}",
        "",
        machine,
        "",
        "--=_b",
        f"Content-Type: {returned}",
        "",
        mail,
        "--=_b--",
        "",
    ]
    return "\n".join(lines).replace("\n", "\r\n").encode()
