"""System checks of the environment: addresses that lead nowhere, secrets that are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register

from core.metrics import is_loopback

SCHEMES = {
    "BROKER_URL": ("redis", "rediss", "amqp", "amqps"),
    "REDIS_URL": ("redis", "rediss"),
    "EMAIL_URL": ("smtp", "smtps", "smtp+tls", "smtp+ssl"),
    "PUBLIC_URL": ("http", "https"),
}
Apps = Sequence[AppConfig] | None


@register
def check_addresses(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether every address is one that the part behind it understands."""
    return list(wrong_addresses())


@register
def check_debug(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether strangers would be shown source code and settings."""
    if not settings.DEBUG or is_loopback(urlsplit(settings.PUBLIC_URL).hostname or ""):
        return []
    return [
        Error(
            f"DEBUG is on at {settings.PUBLIC_URL}: every error page shows source and settings.",
            hint="Unset DEBUG.",
            id="millrace.E012",
        )
    ]


@register
def check_mail_keys(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether mail can be signed as it is to be."""
    if not settings.DKIM_KEYS:
        return []
    from workers.engines.mail import signing

    try:
        signing.read(tuple(settings.DKIM_KEYS))
    except ValueError as error:
        return [
            Error(
                str(error),
                hint="Write selector@domain=path of a private key in PEM, RSA from 2048 bits or Ed25519.",
                id="millrace.E020",
            )
        ]
    return []


@register
def check_flower(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether Flower is behind its own password as well as behind ours."""
    if not settings.FLOWER_URL or ":" in settings.FLOWER_AUTH:
        return []
    return [
        Warning(
            "FLOWER_URL is set, FLOWER_AUTH is no user:password: who reaches Flower's port is in.",
            hint="Start Flower with FLOWER_BASIC_AUTH=user:password and set FLOWER_AUTH to the same.",
            id="millrace.W013",
        )
    ]


@register(Tags.security, deploy=True)
def check_secret(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether all processes sign with one lasting key."""
    if not settings.SECRET_KEY_IS_MADE_UP:
        return []
    return [
        Error(
            "SECRET_KEY is not set: every process made up its own, so sessions and links end with it.",
            hint='Set it, the same everywhere: python -c "import secrets; print(secrets.token_urlsafe(50))"',
            id="millrace.E014",
        )
    ]


@register(Tags.security, deploy=True)
def check_metrics(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether anybody can read /metrics."""
    if settings.METRICS_TOKEN or is_loopback(urlsplit(settings.PUBLIC_URL).hostname or ""):
        return []
    return [
        Info(
            "METRICS_TOKEN is not set, so /metrics is closed to everybody.",
            hint="Set it, and give it to Prometheus as its bearer token.",
            id="millrace.I015",
        )
    ]


@register(Tags.security, deploy=True)
def check_unsubscribing(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether who gets a mail to many can leave the list with one click."""
    if settings.IS_HTTPS and not is_loopback(urlsplit(settings.PUBLIC_URL).hostname or ""):
        return []
    return [
        Warning(
            f"Mails to many go out with a link to unsubscribe that begins with {settings.PUBLIC_URL}: their"
            " readers cannot use it, and large mail providers refuse such mail.",
            hint="Set PUBLIC_URL to the https:// address at which the web pages are reached from outside.",
            id="millrace.W021",
        )
    ]


def wrong_addresses() -> Iterator[CheckMessage]:
    """An address with a scheme nobody speaks, or without a host."""
    for name, schemes in SCHEMES.items():
        found = urlsplit(getattr(settings, name))
        if found.scheme not in schemes or not found.hostname:
            allowed = ", ".join(f"{scheme}://" for scheme in schemes)
            yield Error(
                f"{name} begins with {found.scheme + '://' if found.scheme else 'no scheme'}"
                + (" and names no host." if not found.hostname else "."),
                hint=f"It must be one of {allowed} with a host.",
                id="millrace.E011",
            )
