"""Django told to send by a server on loopback."""

from pytest_django import Settings

from tests.smtp_script import LOOPBACK

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def point_at(port: int, settings: Settings) -> None:
    """This server, without a sign-in, in the clear, and not waited for for long."""
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = LOOPBACK, port, 5
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
