"""What `manage.py doctor` looks at for the kinds that send mail: the mail server, as a worker would begin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parseaddr

from django.conf import settings

from jobs.doctor.examine import Probe
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.probes import DATABASE
from jobs.doctor.words import span
from jobs.elsewhere import is_loopback
from jobs.mail.status import PERMANENT
from jobs.models import MailTraffic
from workers.engines.mail import ours
from workers.engines.mail.transport import SMTP_BACKENDS
from workers.engines.smtp.connection import Broken, Connection, Unreachable
from workers.engines.smtp.outcome import Reply
from workers.engines.smtp.server import Server, configured

UNNAMED = "127.0.0.1:25"
"""What EMAIL_URL is where nobody sets it: perhaps no mail is to leave."""
NAME_ANOTHER = "EMAIL_URL=smtp+tls://user:password@host:587"


def look() -> Seen:
    """Connect, greet, secure, sign in and name our sender, by a worker's own engine; nothing is sent."""
    left_alone = list(paused())
    if settings.EMAIL_BACKEND not in SMTP_BACKENDS:
        return Seen(f"sent by {settings.EMAIL_BACKEND}, which is not asked", left_alone)
    server = configured()
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    nobody = [] if "@" in sender else [no_sender()]
    found = [*nobody, *unsafe(server), *ask(server, "" if nobody else ours.sender().address), *left_alone]
    return Seen(f"{server.address}, mail comes from {sender or 'nobody'}", found)


def ask(server: Server, sender: str) -> Iterator[Finding]:
    """What a worker would hear. Some servers object to a sender only when they hear of a recipient."""
    try:
        connection = Connection.open(server)
    except Unreachable as error:
        yield unusable(server, str(error))
        return
    try:
        option = "" if sender.isascii() else " SMTPUTF8"
        if sender and (not option or connection.offers("SMTPUTF8")):
            reply = connection.ask(f"MAIL FROM:<{sender}>{option}")
            if not reply.is_good:
                yield refuses_sender(server, sender, reply)
    except Broken as error:
        yield unusable(server, str(error))
    finally:
        connection.quit()


def paused() -> Iterator[Finding]:
    """Who asked for less mail, in the words that the workers heard."""
    now = time.time()
    for traffic in MailTraffic.objects.filter(off_times__gt=0, off_until__gt=now):
        yield warning(
            "mail.paused",
            f"{traffic.key.partition('=')[2]} asked to be left alone, for another"
            f" {span(traffic.off_until - now)}: {traffic.off_why}",
            why="Mail to it waits; when the time is over, one is sent to try, then the others.",
            remedy="Send less at a time: EMAIL_ACCOUNT_LIMIT=100/s,8 and EMAIL_DOMAIN_LIMITS='*=20/s,5'",
        )


def no_sender() -> Finding:
    """A name without an address, or nothing."""
    return problem(
        "mail.no_sender",
        f"FROM_EMAIL={settings.DEFAULT_FROM_EMAIL!r} holds no address.",
        why="Mails that name no other sender come from nobody, and are refused.",
        remedy="FROM_EMAIL='Name <address>'",
    )


def unsafe(server: Server) -> Iterator[Finding]:
    """A password that anybody on the way can read."""
    if server.password and not (server.tls or server.starttls or is_loopback(server.host)):
        yield warning(
            "mail.clear",
            f"The password for {server.address} goes over the network in the clear.",
            why="Whoever reads it sends mail in our name.",
            remedy=f"{NAME_ANOTHER}   (or smtp+ssl:// and port 465)",
        )


def unusable(server: Server, told: str) -> Finding:
    """In the words that a job's page would have."""
    make = warning if server.address == UNNAMED else problem
    return make(
        "mail.unusable",
        f"{server.address}: {told}",
        why="Jobs that send mail are tried again until their attempts are used up, and fail then.",
        remedy=f"Mend what it names, or name another server: {NAME_ANOTHER}",
    )


def refuses_sender(server: Server, sender: str, reply: Reply) -> Finding:
    """Most providers let an account send as its own addresses only, and strangers not at all."""
    if reply.code // 100 != PERMANENT:
        return warning(
            "mail.later",
            f"{server.address} takes nothing from {sender} at present: {reply}",
            why="Mail waits, and is tried again.",
            remedy="Ask again in a while; it is the server that has to be ready",
        )
    return problem(
        "mail.sender",
        f"{server.address} takes nothing from {sender}: {reply}",
        why="Mails that name no other sender fail.",
        remedy=f"FROM_EMAIL='Name <address>', one that this account may send as; or sign in: {NAME_ANOTHER}",
    )


PROBES = (Probe("mail", "Mail", look, needs=DATABASE),)
