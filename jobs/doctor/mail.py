"""Mail: whether the mail server answers, lets us in and takes our sender, and who asked to be left alone.

Nothing is sent: the sender is named, and then we leave.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from email.utils import parseaddr

from django.conf import settings

from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.mask import mask
from jobs.doctor.words import span
from jobs.elsewhere import is_loopback
from jobs.mail.server import Server, configured, context_for
from jobs.models import MailTraffic

ANSWER_SECONDS = 3.0
BY_SMTP = ("django.core.mail.backends.smtp.", "workers.engines.mail.redirect.")
TAKEN = 2
UNNAMED = "127.0.0.1:25"
"""What EMAIL_URL is where nobody sets it: perhaps no mail is to leave."""
NAME_ANOTHER = "EMAIL_URL=smtp+tls://user:password@host:587"


def look() -> Seen:
    """As a worker would begin to send, and what the workers were told."""
    left_alone = list(paused())
    if not settings.EMAIL_BACKEND.startswith(BY_SMTP):
        return Seen(f"sent by {settings.EMAIL_BACKEND}, which is not asked", left_alone)
    server = configured()
    wrong = ask(server)
    found = [*unsafe(server), *([wrong] if wrong else []), *left_alone]
    return Seen(f"{server.address} {'was asked' if wrong else 'takes mail'} from {sender()}", found)


def ask(server: Server) -> Finding | None:
    """The first thing that is wrong on the way to it."""
    try:
        with connected(server) as smtp:
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
            code, words = smtp.mail(sender())
            return None if code // 100 == TAKEN else refuses_sender(server, code, words)
    except smtplib.SMTPAuthenticationError as error:
        return refuses_us(server, error)
    except smtplib.SMTPNotSupportedError as error:
        return lacks(server, error)
    except ssl.SSLError as error:
        return untrusted(server, error)
    except (OSError, smtplib.SMTPException) as error:
        return away(server, error)


def connected(server: Server) -> smtplib.SMTP:
    """Spoken to in the way that the settings say; the caller closes it."""
    context = context_for(server.verified, server.certificate, server.key)
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=ANSWER_SECONDS, context=context)
    smtp = smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS)
    if server.starttls:
        try:
            smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
    return smtp


def sender() -> str:
    """The address that mails come from which name nobody."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def paused() -> Iterator[Finding]:
    """Who asked for less mail, in the words that the workers heard."""
    now = time.time()
    for traffic in MailTraffic.objects.filter(off_times__gt=0, off_until__gt=now):
        yield warning(
            "mail.paused",
            f"{traffic.key.partition('=')[2]} asked to be left alone, for another"
            f" {span(traffic.off_until - now)}: {mask(traffic.off_why)}",
            why="Mail to it waits; when the time is over, one is sent to try, then the others.",
            remedy="Send less at a time: EMAIL_ACCOUNT_LIMIT=100/s,8 and EMAIL_DOMAIN_LIMITS='*=20/s,5'",
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


def away(server: Server, error: Exception) -> Finding:
    """Nobody there, or nobody who speaks SMTP."""
    make = warning if server.address == UNNAMED else problem
    return make(
        "mail.away",
        f"{server.address} gives no answer: {mask(str(error) or type(error).__name__)}",
        why="Jobs that send mail are tried again until their attempts are used up, and fail then.",
        remedy=f"Start it, or name another: {NAME_ANOTHER}",
    )


def refuses_us(server: Server, error: smtplib.SMTPAuthenticationError) -> Finding:
    """A password that was changed, or an account that was closed."""
    return problem(
        "mail.refuses",
        f"{server.address} does not let {server.user} in: {said(error.smtp_code, error.smtp_error)}",
        why="No mail leaves.",
        remedy=f"Set its present password: {NAME_ANOTHER}",
    )


def refuses_sender(server: Server, code: int, words: bytes) -> Finding:
    """Most providers let an account send as its own addresses only."""
    return problem(
        "mail.sender",
        f"{server.address} takes no mail from {sender()}: {said(code, words)}",
        why="Mails that name no other sender fail.",
        remedy="FROM_EMAIL='Name <address>', one that this account may send as",
    )


def lacks(server: Server, error: smtplib.SMTPNotSupportedError) -> Finding:
    """TLS or a login that we are to use, and it does not offer."""
    return problem(
        "mail.offers",
        f"{server.address}: {mask(str(error))}",
        why="No mail leaves: what EMAIL_URL asks for is not given up silently.",
        remedy="smtp+ssl:// and port 465 where TLS comes first, smtp:// where there is none",
    )


def untrusted(server: Server, error: ssl.SSLError) -> Finding:
    """Another name, another signer, or no TLS at all at that port."""
    return problem(
        "mail.certificate",
        f"{server.address}: {mask(getattr(error, 'verify_message', '') or error.reason or str(error))}",
        why="No mail leaves: whoever answers there may be somebody else.",
        remedy="Name the server as its certificate does in EMAIL_URL, and have this machine trust its signer;"
        " EMAIL_UNVERIFIED=on goes without",
    )


def said(code: int, words: bytes | str) -> str:
    """An answer on one line."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return mask(" ".join(f"{code} {text}".split()))
