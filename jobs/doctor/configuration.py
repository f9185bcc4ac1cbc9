"""Configuration: what Django's and our own system checks say, those for a deployment included."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import ERROR, WARNING, CheckMessage, run_checks

from jobs.conf import conf
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.mask import mask
from jobs.doctor.words import counted, some
from jobs.elsewhere import is_loopback
from jobs.text import MANAGE

ELSEWHERE = {
    *(f"millrace.E00{number}" for number in range(1, 5)),  # Times
    "millrace.W013",  # Flower
    "millrace.E010",  # Files
    "millrace.W023",  # A finding of its own
}
"""Told by an area of their own."""


def look() -> Seen:
    """Every check that asks no server."""
    ran = run_checks(include_deployment_checks=True)
    usual = {found.id for found in run_checks(include_deployment_checks=False)}
    told = [found for found in ran if not found.is_silenced() and found.id not in ELSEWHERE]
    errors = [found for found in told if found.level >= ERROR]
    warnings = [found for found in told if WARNING <= found.level < ERROR]
    if is_private():
        # Advice on https, for an installation that only this machine can reach.
        warnings = [found for found in warnings if found.id in usual]
    text = f"{counted(len(errors), 'error')} and {counted(len(warnings), 'warning')} of `check --deploy`"
    return Seen(text, [*(wrong(found) for found in errors), *redirect(), *advice(warnings)])


def is_private() -> bool:
    """Whether the pages are for this machine alone."""
    host = urlsplit(getattr(settings, "PUBLIC_URL", "")).hostname
    return host is not None and is_loopback(host)


def wrong(found: CheckMessage) -> Finding:
    """One error."""
    return problem(
        f"configuration.{found.id or 'error'}",
        f"{mask(str(found.msg))} ({found.id})",
        why=f"`{MANAGE} check --deploy` stops here; so should a deployment.",
        remedy=mask(str(found.hint or "see the message")),
    )


def redirect() -> Iterator[Finding]:
    """Mail that reaches nobody whom it is for."""
    if "@" in (to := conf().email_redirect_to):  # else nothing is sent, as the check says
        yield warning(
            "configuration.redirect",
            f"All mail goes to {to}: EMAIL_REDIRECT_TO is set.",
            why="A sandbox: nobody gets the mail that is meant for them, and what bounces suppresses nobody.",
            remedy="Unset EMAIL_REDIRECT_TO where mail is to reach people, and start web and workers anew.",
        )


def advice(warnings: list[CheckMessage]) -> Iterator[Finding]:
    """All of them in one: they are read one by one elsewhere."""
    if warnings:
        yield warning(
            "configuration.warnings",
            f"{counted(len(warnings), 'warning')}: {some(sorted({str(found.id) for found in warnings}))}.",
            why="Mostly ways in which a browser could be made to betray its user.",
            remedy=f"{MANAGE} check --deploy",
        )
